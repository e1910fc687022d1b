import type { Lab } from "../../../testbed/lab/lab.ts";
import { waitUntil } from "../../../testbed/lab/units/wait-until.ts";
import { recordWriter, writerPod, type WriterPod } from "../workload/record-writer.ts";
import { aClass, manifestOf } from "../workload/volume-manifests.ts";
import { attachmentsOf, withClusterObjects, withWorkloads, type Workloads } from "../workload/workloads.ts";

const SETTLED_MAX_MS = 240_000;
const DRAIN = ["--ignore-daemonsets", "--delete-emptydir-data", "--force", `--timeout=${SETTLED_MAX_MS}ms`];

/**
 * Runs `use` while a writer, which starts on `home`, has a volume with one replica on another node. Its
 * class, `storageClass`, is deleted afterwards.
 */
export async function withReplica(
  lab: Lab,
  {
    namespace,
    storageClass,
    home,
  }: { readonly namespace: string; readonly storageClass: string; readonly home: string },
  use: (workloads: Workloads, pod: WriterPod) => Promise<void>,
): Promise<void> {
  await withClusterObjects(lab, manifestOf(classOfTwoShares(storageClass)), () =>
    withWorkloads(lab, namespace, async (workloads) => {
      await workloads.apply(recordWriter({ name: "db", storageClass, home }));
      await workloads.untilReady("db-0");
      const pod = await writerPod(workloads, "db-0");
      await untilReplica(workloads, pod);
      await use(workloads, pod);
    }),
  );
}

/** A class whose volumes have one replica, on any suitable node. */
function classOfTwoShares(name: string): object {
  return aClass({
    name,
    parameters: { skuName: "Premium_ZRS", maxShares: "2" },
    volumeBindingMode: "WaitForFirstConsumer",
  });
}

/**
 * Waits until a writer's volume has its one replica on a suitable node, and no other attachment besides the
 * writer's; returns that node.
 */
export async function untilReplica(
  workloads: Workloads,
  pod: WriterPod,
  willDo: (nodeName: string) => boolean = () => true,
): Promise<string> {
  const volumeName = (await workloads.volumeOf(`data-${pod.name}`)).metadata.name;
  return waitUntil("a replica", { timeoutMs: SETTLED_MAX_MS }, async () => {
    const attachments = [...(await attachmentsOf(workloads.lab, volumeName)).values()];
    if (attachments.length !== 2 || attachments.some(({ status }) => status?.state !== "Attached"))
      return undefined;
    const replica = attachments.find(({ status }) => status?.role === "Replica")?.spec.nodeName;
    return replica !== undefined && replica !== pod.nodeName && willDo(replica) ? replica : undefined;
  });
}

/**
 * Drains the node of a writer's only replica, which has no other pod, until the volume reports that no
 * replica could take over. Returns that node, which stays cordoned.
 */
export async function drainReplica(workloads: Workloads, pod: WriterPod): Promise<string> {
  const replica = await untilReplica(workloads, pod);
  await workloads.lab.kubectl(["drain", replica, ...DRAIN], { timeoutMs: 2 * SETTLED_MAX_MS });
  await untilFailoverReady(workloads, pod, "False");
  return replica;
}

/** Waits until a writer's volume reports whether a replica could take over. */
export async function untilFailoverReady(
  workloads: Workloads,
  pod: WriterPod,
  requested: "True" | "False",
): Promise<void> {
  await waitUntil(`FailoverReady to be ${requested}`, { timeoutMs: SETTLED_MAX_MS }, async () => {
    const conditions = (await workloads.volumeOf(`data-${pod.name}`)).status?.conditions ?? [];
    return conditions.some(({ type, status }) => type === "FailoverReady" && status === requested)
      ? true
      : undefined;
  });
}
