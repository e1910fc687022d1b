import type { Lab } from "../../testbed/lab/lab.ts";
import { waitUntil } from "../../testbed/lab/units/wait-until.ts";
import { describeCourse } from "./describe-course.ts";
import { driverCallsSince } from "./driver-calls.ts";
import { measureMove, type MoveFigures, type MoveTimes } from "./phases.ts";
import type { Node, Pod, Timeline } from "./timeline.ts";
import { NAMESPACE, podOf, type Side } from "./workload.ts";

/** How a pod is made to move. */
export type Way = "podDelete" | "drain";

/** One move, with the calls to Azure about the volume and the nodes during the move. */
export interface Move extends MoveFigures {
  readonly armCalls: number;
  /** The events, line by line, for people to read. */
  readonly course: readonly string[];
}

/** A side's volume, as Kubernetes knows it. */
export interface BenchVolume {
  readonly side: Side;
  readonly persistentVolume: string;
  readonly volumeId: string;
}

const REPLICA_MAX_MS = 120_000;
const DRAIN_MAX_MS = 180_000;
const ATTACHMENTS = "/apis/disk.csi.azure.com/v1/namespaces/azure-disk-csi/azvolumeattachments";

/**
 * Moves the pod of one side to the other node and measures it: from the deletion, or the eviction of a
 * drain, until the API reports that the successor's container runs.
 */
export async function movePod(lab: Lab, timeline: Timeline, volume: BenchVolume, way: Way): Promise<Move> {
  const { side, persistentVolume, volumeId } = volume;
  const old = await read<Pod>(lab, podPath(side));
  const from = old.spec.nodeName ?? "";
  if (side === "replicas") await untilReplicaReady(lab, persistentVolume, from);
  if (way === "podDelete") await setUnschedulable(lab, from, true);
  const isVolume = (name: string): boolean => name.endsWith(`^${volumeId}`);
  const wasInUse = ((await read<Node>(lab, `/api/v1/nodes/${from}`)).status.volumesInUse ?? []).some(
    isVolume,
  );
  const journalFrom = (await journalSince(lab, Number.MAX_SAFE_INTEGER)).lastSequence;
  timeline.clear();

  const { deletedMs, done } =
    way === "podDelete"
      ? await deletePod(lab, side)
      : await drain(lab, timeline, { side, from, uid: old.metadata.uid });
  const isNew = ({ object }: { readonly object: Pod }): boolean =>
    object.metadata.name === podOf(side) && object.metadata.uid !== old.metadata.uid;
  const hasEnded = ({ status }: Pod): boolean =>
    status.containerStatuses?.every(({ state }) => state.terminated !== undefined) === true;
  const isRunning = ({ status }: Pod): boolean =>
    status.containerStatuses?.every(({ state }) => state.running !== undefined) === true;
  const running = await timeline.until(
    `${podOf(side)} to run again`,
    "Pod",
    (seen) => isNew(seen) && isRunning(seen.object),
  );
  const to = running.object.spec.nodeName ?? "";
  await done;
  await setUnschedulable(lab, from, false);
  if (to === from) throw new Error(`${podOf(side)} started on ${from} again, which was cordoned`);

  const calls = await driverCallsSince(lab, { volumeId, sinceMs: deletedMs });
  const { value } = await journalSince(lab, journalFrom);
  const untilMs = running.atMs;
  const times: MoveTimes = {
    from,
    to,
    deletedMs,
    oldStatusMs: wasInUse
      ? timeline.first(
          "Node",
          ({ object }) => object.metadata.name === from && !(object.status.volumesInUse ?? []).some(isVolume),
        )
      : undefined,
    oldAttachmentGoneMs: timeline.first(
      "VolumeAttachment",
      ({ object, isGone }) =>
        isGone &&
        object.spec.nodeName === from &&
        object.spec.source.persistentVolumeName === persistentVolume,
    ),
    scheduledMs:
      timeline.first("Pod", (seen) => isNew(seen) && seen.object.spec.nodeName !== undefined) ?? untilMs,
    newAttachedMs: timeline.first(
      "VolumeAttachment",
      ({ object }) =>
        object.spec.nodeName === to &&
        object.spec.source.persistentVolumeName === persistentVolume &&
        object.status?.attached === true,
    ),
    newStatusMs: timeline.first(
      "Node",
      ({ object }) => object.metadata.name === to && (object.status.volumesInUse ?? []).some(isVolume),
    ),
    runningMs: untilMs,
    calls: calls.filter(({ startMs }) => startMs < untilMs),
  };
  const oldEndedMs = timeline.first(
    "Pod",
    ({ object }) => object.metadata.uid === old.metadata.uid && hasEnded(object),
  );
  const isAbout = (path: string): boolean =>
    path.includes("/virtualMachines/") ||
    path.includes("/operations/") ||
    path.toLowerCase().includes(persistentVolume);
  return {
    ...measureMove(times),
    course: describeCourse(times, oldEndedMs),
    armCalls: value.filter(({ kind, atMs, path }) => kind !== "admin" && atMs <= untilMs && isAbout(path))
      .length,
  };
}

async function deletePod(
  lab: Lab,
  side: Side,
): Promise<{ readonly deletedMs: number; readonly done: Promise<unknown> }> {
  const deletedMs = Date.now();
  const answer = await lab.request({ url: podPath(side), method: "DELETE" });
  if (answer.code >= 300)
    throw new Error(`DELETE ${podPath(side)}: ${answer.code} ${JSON.stringify(answer.body)}`);
  return { deletedMs, done: Promise.resolve() };
}

/**
 * Drains the node as an administrator does, although only this side's pod has to move. kubectl's own
 * start-up time says nothing about the driver.
 */
async function drain(
  lab: Lab,
  timeline: Timeline,
  pod: { readonly side: Side; readonly from: string; readonly uid: string },
): Promise<{ readonly deletedMs: number; readonly done: Promise<unknown> }> {
  const done = lab.kubectl(
    [
      "drain",
      pod.from,
      "--ignore-daemonsets",
      "--delete-emptydir-data",
      "--force",
      `--pod-selector=app=${pod.side}`,
    ],
    {
      timeoutMs: DRAIN_MAX_MS,
    },
  );
  const evicted = timeline.until(
    `${podOf(pod.side)} to be evicted`,
    "Pod",
    ({ object, isGone }) =>
      object.metadata.uid === pod.uid && (isGone || object.metadata.deletionTimestamp !== undefined),
  );
  const { atMs } = await Promise.race([evicted, done.then(() => evicted)]);
  return { deletedMs: atMs, done };
}

async function untilReplicaReady(lab: Lab, volumeName: string, from: string): Promise<void> {
  await waitUntil(`a replica of ${volumeName}`, { timeoutMs: REPLICA_MAX_MS }, async () => {
    const { items } = await read<{
      readonly items: readonly {
        readonly spec: { readonly volumeName: string; readonly nodeName: string };
        readonly status?: { readonly state: string };
      }[];
    }>(lab, ATTACHMENTS);
    return (
      items.some(
        ({ spec, status }) =>
          spec.volumeName === volumeName && spec.nodeName !== from && status?.state === "Attached",
      ) || undefined
    );
  });
}

async function setUnschedulable(lab: Lab, name: string, unschedulable: boolean): Promise<void> {
  const answer = await lab.request({
    url: `/api/v1/nodes/${name}`,
    method: "PATCH",
    headers: { "content-type": "application/merge-patch+json" },
    body: { spec: { unschedulable } },
  });
  if (answer.code !== 200) throw new Error(`PATCH ${name}: ${answer.code} ${JSON.stringify(answer.body)}`);
}

async function journalSince(lab: Lab, since: number) {
  return (await lab.azure.call("GET", `/emulator/v1/journal?since=${since}`)) as {
    readonly lastSequence: number;
    readonly value: readonly { readonly kind: string; readonly atMs: number; readonly path: string }[];
  };
}

async function read<T>(lab: Lab, url: string): Promise<T> {
  const { code, body } = await lab.request({ url });
  if (code !== 200) throw new Error(`GET ${url}: ${code} ${JSON.stringify(body)}`);
  return body as T;
}

function podPath(side: Side): string {
  return `/api/v1/namespaces/${NAMESPACE}/pods/${podOf(side)}`;
}
