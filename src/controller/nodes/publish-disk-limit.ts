import type { AzDriverNode } from "../../core/api/az-driver-node.ts";
import { ok } from "../../core/failure/result.ts";
import { ignoreNotFound } from "../../objects/ignore-not-found.ts";
import { changeSpec } from "../../objects/update-object.ts";
import type { Reconciled, Reconciler } from "../../runtime/queue/control-loop.ts";
import type { NodesPorts } from "../controller-ports.ts";

/**
 * Writes to each AzDriverNode how many data disks Azure lists for its VM's size: a node has no access to
 * Azure, and its built-in table lacks newer sizes. The node's own limit follows with its next heartbeat, and
 * NodeGetInfo with it.
 */
export function diskLimitReconciler(ports: NodesPorts): Reconciler {
  return {
    name: "disk-limit",
    workers: 2,
    backoff: { baseMs: 1_000, maxMs: 60_000 },
    reconcile: (nodeName, signal) => publishDiskLimit(ports, nodeName, signal),
  };
}

/** What Azure does not list is left as it was: a list that can't be had now says nothing. */
async function publishDiskLimit(
  { cache, cloud, store, logger }: NodesPorts,
  nodeName: string,
  signal: AbortSignal,
): Promise<Reconciled> {
  const driverNode = cache.get("AzDriverNode", nodeName);
  const { vmSize = "", location = "" } = driverNode?.status ?? {};
  if (driverNode === undefined || vmSize === "" || location === "") return ok({});
  const dataDisksMax = await cloud.dataDisksMax({ vmSize, location });
  const isPublished = ({ spec }: AzDriverNode): boolean =>
    spec.dataDisksMax === dataDisksMax && spec.vmSize === vmSize;
  if (dataDisksMax === undefined || isPublished(driverNode)) return ok({});
  const written = await changeSpec(
    store,
    { kind: "AzDriverNode", name: nodeName, uid: driverNode.metadata.uid },
    (present) =>
      isPublished(present) ? undefined : { ...present, spec: { ...present.spec, dataDisksMax, vmSize } },
    signal,
  );
  if (!written.ok) return ignoreNotFound(written);
  logger.info("disk limit published", { nodeName, vmSize, location, dataDisksMax });
  return ok({});
}
