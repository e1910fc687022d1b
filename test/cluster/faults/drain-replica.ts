import type { Lab } from "../../../testbed/lab/lab.ts";
import { waitUntil } from "../../../testbed/lab/units/wait-until.ts";
import { recordWriter, writerPod, type WriterPod } from "../workload/record-writer.ts";
import { aClass, manifestOf } from "../workload/volume-manifests.ts";
import { attachmentsOf, withClusterObjects, withWorkloads, type Workloads } from "../workload/workloads.ts";

const SETTLED_MAX_MS = 120_000;
const DRAIN = ["--ignore-daemonsets", "--delete-emptydir-data", "--force", `--timeout=${SETTLED_MAX_MS}ms`];

/** Runs `use` while a writer, which starts on `home`, has a volume with one standby, attached on another node. The class that is made for it, `storageClass`, goes again. */
export async function withStandby(
  lab: Lab,
  { namespace, storageClass, home }: { readonly namespace: string; readonly storageClass: string; readonly home: string },
  use: (workloads: Workloads, pod: WriterPod) => Promise<void>,
): Promise<void> {
  await withClusterObjects(lab, manifestOf(classOfTwoShares(storageClass)), () =>
    withWorkloads(lab, namespace, async (workloads) => {
      await workloads.apply(recordWriter({ name: "db", storageClass, home }));
      await workloads.untilReady("db-0");
      const pod = await writerPod(workloads, "db-0");
      await untilStandby(workloads, pod);
      await use(workloads, pod);
    }),
  );
}

/** A class whose volumes have one standby, wherever it finds a node. */
function classOfTwoShares(name: string): object {
  return aClass({ name, parameters: { skuName: "Premium_ZRS", maxShares: "2" }, volumeBindingMode: "WaitForFirstConsumer" });
}

/** Waits until a writer's volume has its one standby, on a node that will do, and is attached nowhere else but to its writer; answers that node. */
export async function untilStandby(workloads: Workloads, pod: WriterPod, willDo: (nodeName: string) => boolean = () => true): Promise<string> {
  const volumeName = (await workloads.volumeOf(`data-${pod.name}`)).metadata.name;
  return waitUntil("a standby", { timeoutMs: SETTLED_MAX_MS }, async () => {
    const attachments = [...(await attachmentsOf(workloads.lab, volumeName)).values()];
    if (attachments.length !== 2 || attachments.some(({ status }) => status?.state !== "Attached")) return undefined;
    const standby = attachments.find(({ status }) => status?.role === "Replica")?.spec.nodeName;
    return standby !== undefined && standby !== pod.nodeName && willDo(standby) ? standby : undefined;
  });
}

/** Drains the node of a writer's only standby, on which it has nothing else, until the volume says that no standby could take over. Answers that node, which stays cordoned. */
export async function drainStandby(workloads: Workloads, pod: WriterPod): Promise<string> {
  const standby = await untilStandby(workloads, pod);
  await workloads.lab.kubectl(["drain", standby, ...DRAIN], { timeoutMs: 2 * SETTLED_MAX_MS });
  await untilFailoverReady(workloads, pod, "False");
  return standby;
}

/** Waits until a writer's volume says whether a standby could take over. */
export async function untilFailoverReady(workloads: Workloads, pod: WriterPod, wanted: "True" | "False"): Promise<void> {
  await waitUntil(`FailoverReady to be ${wanted}`, { timeoutMs: SETTLED_MAX_MS }, async () => {
    const conditions = (await workloads.volumeOf(`data-${pod.name}`)).status?.conditions ?? [];
    return conditions.some(({ type, status }) => type === "FailoverReady" && status === wanted) ? true : undefined;
  });
}
