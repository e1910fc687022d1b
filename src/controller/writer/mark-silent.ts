import type { AzDriverNode } from "../../core/api/az-driver-node.ts";
import { fail, ok, type Result } from "../../core/failure/result.ts";
import { isMarkedSilent, silentAfterMs, silentMark } from "../../core/writer/node-silence.ts";
import { changeStatus } from "../../objects/update-object.ts";
import type { Reconciler } from "../../runtime/queue/control-loop.ts";
import type { WriterPorts } from "../controller-ports.ts";
import { tryEach } from "../try-each.ts";

/** How often silent nodes are looked for, in milliseconds. Reads the cache alone. */
const LOOK_AGAIN_MS = 5_000;

/**
 * Marks each silent node as not ready: its AzDriverNode would otherwise stay ready for ever, and its volumes
 * would be planned again only with the next resync. The node's next heartbeat marks it as ready again.
 */
export function silenceReconciler(ports: WriterPorts): Reconciler {
  return {
    name: "silence",
    workers: 1,
    backoff: { baseMs: 1_000, maxMs: 30_000 },
    reconcile: async (_key, signal) => {
      const silent = ports.cache.reportedNodes().filter((each) => isSilentAndUnmarked(ports, each));
      const marked = await tryEach(
        silent,
        {
          attempt: (driverNode) => markSilent(ports, driverNode, signal),
          onFailure: ({ metadata: { name: nodeName } }, failure) =>
            ports.logger.warn("silent node not marked", { nodeName, failure }),
          logger: ports.logger,
        },
        signal,
      );
      return marked.failed === undefined ? ok({ requeueAfterMs: LOOK_AGAIN_MS }) : fail(marked.failed);
    },
  };
}

function isSilentAndUnmarked(ports: WriterPorts, node: AzDriverNode): boolean {
  return node.status !== undefined && !isMarkedSilent(node.status) && hasFallenSilent(ports, node);
}

/** Whether this process has seen no heartbeat of the node for so long that it is silent. */
export function hasFallenSilent(
  { cache, settings }: Pick<WriterPorts, "cache" | "settings">,
  { metadata, status }: AzDriverNode,
): boolean {
  return (cache.watchedUnchangedMs("AzDriverNode", metadata.name) ?? 0) >= silentAfterMs(settings, status);
}

/** Only where no heartbeat has come since the cached one. */
async function markSilent(
  { store, logger }: WriterPorts,
  { metadata, status: seen }: AzDriverNode,
  signal: AbortSignal,
): Promise<Result<unknown>> {
  const marked = await changeStatus(
    store,
    { kind: "AzDriverNode", name: metadata.name, uid: metadata.uid },
    (present) => {
      const { status } = present;
      if (status === undefined || status.heartbeat !== seen?.heartbeat || isMarkedSilent(status))
        return undefined;
      logger.warn("node is silent", { nodeName: metadata.name, lastHeartbeatTime: status.lastHeartbeatTime });
      return { ...present, status: { ...status, ...silentMark(status) } };
    },
    signal,
  );
  return marked.ok || marked.failure.kind !== "ObjectNotFound" ? marked : ok(undefined);
}
