import { freezeProcess } from "../testbed/lab/units/freeze-process.ts";
import { describeStaleWriter, type StaleWriter } from "./findings.ts";
import type { Lab, LabNode } from "./lab/lab.ts";
import { attachedNodes, hashOfDisk, readStateTags, stateOfFileSystem } from "./observe.ts";
import type { Timeline } from "./timeline.ts";
import { untilClean } from "./until-clean.ts";
import {
  type DemoVolume,
  publishOnController,
  publishOnNode,
  stage,
  unpublishOnController,
  unpublishOnNode,
  unstage,
} from "./volume-moves.ts";
import { waitUntil } from "./wait-until.ts";
import { checksumsHold, recordsHold, startWriter, type Writer, writeFiles } from "./workload.ts";

const STATE_KEPT_MAX_MS = 60_000;
const REPLICAS_MAX_MS = 120_000;
/**
 * Added to a part that depends on the time scale: at Azure's own pace one attach in a hundred takes a
 * minute, and replicas are attached one after another.
 */
const REPLICAS_AZURE_MS = 300_000;
const RECORDS_BEFORE_A_MOVE = 10;

/** What the acts share. */
export interface Stage {
  readonly lab: Lab;
  readonly timeline: Timeline;
  readonly signal: AbortSignal;
  readonly say: (text: string) => void;
  /**
   * How long replicas on nodes without a request are kept, in milliseconds. If given, the run waits until
   * they are older.
   */
  readonly pruneAfterMs: number | undefined;
}

/** Attaches, stages and publishes a volume on a node; without devices, as far as possible. */
export async function start(on: Stage, volume: DemoVolume, node: LabNode, prefix: string): Promise<void> {
  const { lab, timeline } = on;
  const context = await timeline.measure(`${prefix}: ControllerPublishVolume on ${node.name}`, () =>
    publishOnController(lab, volume, node),
  );
  if (!lab.hasDevices) {
    await timeline.measure(`${prefix}: attached to ${node.name}`, () =>
      untilAttached(on, volume, [node.name]),
    );
    return;
  }
  await timeline.measure(`${prefix}: NodeStageVolume on ${node.name}`, () => stage(volume, node, context));
  await timeline.measure(`${prefix}: NodePublishVolume on ${node.name}`, () =>
    publishOnNode(volume, node, context),
  );
}

/** Removes a volume from a node, in the order of an orderly drain. */
export async function release(on: Stage, volume: DemoVolume, node: LabNode, prefix: string): Promise<void> {
  const { lab, timeline } = on;
  if (lab.hasDevices) {
    await timeline.measure(`${prefix}: NodeUnpublishVolume on ${node.name}`, () =>
      unpublishOnNode(lab, volume, node),
    );
    await timeline.measure(`${prefix}: NodeUnstageVolume on ${node.name}`, () => unstage(volume, node));
  } else {
    await lab.orchestrator.removeUser(node.name, volume.volumeId);
  }
  await timeline.measure(`${prefix}: ControllerUnpublishVolume of ${node.name}`, () =>
    unpublishOnController(lab, volume, node),
  );
}

/** Waits until the volume is attached to all of these nodes. */
export async function untilAttached(
  on: Stage,
  volume: DemoVolume,
  nodeNames: readonly string[],
): Promise<void> {
  await waitUntil(
    `${volume.name} to be attached to ${nodeNames.join(" and ")}`,
    REPLICAS_MAX_MS + REPLICAS_AZURE_MS * on.lab.timeScale,
    async () => {
      const attached = await attachedNodes(on.lab, volume, on.signal);
      return nodeNames.every((name) => attached.has(name)) ? true : undefined;
    },
  );
}

/**
 * Waits until all attachments of the volume are older than the time for which unrequested replicas are
 * kept.
 */
export async function untilAged(on: Stage, volume: DemoVolume): Promise<void> {
  const { pruneAfterMs = 0 } = on;
  await waitUntil(
    `the replicas of ${volume.name} to be ${pruneAfterMs} ms old`,
    REPLICAS_MAX_MS + pruneAfterMs,
    async () => {
      const attached = [...(await attachedNodes(on.lab, volume, on.signal)).values()];
      return attached.every(
        ({ metadata }) => Date.now() - Date.parse(metadata.creationTimestamp) > pruneAfterMs,
      )
        ? true
        : undefined;
    },
  );
}

/** The uids of the volume's attachments, by node. A different uid means a different attach. */
export async function uidsOf(on: Stage, volume: DemoVolume): Promise<ReadonlyMap<string, string>> {
  return new Map(
    [...(await attachedNodes(on.lab, volume, on.signal))].map(([nodeName, { metadata }]) => [
      nodeName,
      metadata.uid,
    ]),
  );
}

/**
 * Waits until the disk's tags hold the state that outlives the objects. The driver writes it once the
 * volume is at rest, with a call to Azure.
 */
export async function untilStateKept(on: Stage, volume: DemoVolume): Promise<void> {
  await waitUntil(
    `the tags of ${volume.name} to keep its first format`,
    STATE_KEPT_MAX_MS + REPLICAS_AZURE_MS * on.lab.timeScale,
    async () =>
      Object.keys((await readStateTags(on.lab, volume, on.signal)) ?? {}).length > 0 ? true : undefined,
  );
}

/** A volume in use: its files, and a writer that appends. */
export interface Work {
  readonly checksums: ReadonlyMap<string, string>;
  readonly writer: Writer;
}

/** Writes files with checksums, and starts a writer that syncs each record. */
export async function putToWork(on: Stage, volume: DemoVolume, node: LabNode): Promise<Work> {
  const checksums = await writeFiles(node, volume);
  return { checksums, writer: await startWriter(on.lab, node, volume, 1) };
}

/**
 * Stops the writer after a few more records, as a pod's termination would. Returns the last synced record.
 */
export async function endWork(work: Work): Promise<number> {
  await work.writer.untilSynced(work.writer.lastSynced() + RECORDS_BEFORE_A_MOVE);
  await work.writer.process.stop(5_000);
  return work.writer.lastSynced();
}

/** Whether this node has everything that was synced. */
export async function nothingLost(
  node: LabNode,
  volume: DemoVolume,
  checksums: ReadonlyMap<string, string>,
  lastSynced: number,
): Promise<boolean> {
  return (await checksumsHold(node, volume, checksums)) && (await recordsHold(node, volume, lastSynced));
}

/** Freezes the node's plug-in and workloads, as in a hung VM, and waits until they are. */
export async function freeze(node: LabNode, ...writers: readonly (Writer | undefined)[]): Promise<void> {
  const processes = [node.process, ...writers.flatMap((writer) => writer?.process ?? [])];
  await Promise.all(processes.map(({ pid }) => freezeProcess(pid)));
}

/** The node continues as if nothing had happened. */
export function thaw(node: LabNode, ...writers: readonly (Writer | undefined)[]): void {
  node.process.kill("SIGCONT");
  for (const writer of writers) writer?.process.kill("SIGCONT");
}

/**
 * Thaws the stale writer. Its next sync must fail, and nothing that it or its node does may reach the disk.
 * The node cleans up and leaves quarantine. A container that is restarted there must not write beside the
 * disk. Then its pod is unpublished, as by a kubelet that learns of its deletion. The volume must not be
 * mounted anywhere during this, so that any change of the disk comes from the stale writer. Returns what
 * was found of each.
 */
export async function thawStaleWriter(
  on: Stage,
  volume: DemoVolume,
  stale: LabNode,
  writer: Writer,
): Promise<StaleWriter> {
  const { lab, timeline } = on;
  const before = await hashOfDisk(lab, volume);
  thaw(stale, writer);
  const failed = await timeline.measure(`thaw: ${stale.name}'s writer is refused`, () =>
    writer.process.untilLine((line) => line.startsWith("failed "), 20_000),
  );
  await writer.process.stop(5_000);
  await lab.orchestrator.removeUser(stale.name, volume.volumeId);
  await lab.orchestrator.setOutOfService(stale.name, false);
  await timeline.measure(`thaw: ${stale.name} has cleaned up and left quarantine`, () =>
    untilClean(on, volume, stale),
  );
  const restartedContainer = await writeFiles(stale, volume).then(() => "none", errorCodeOf);
  await unpublishOnNode(lab, volume, stale);
  const found: StaleWriter = {
    fsync: failed.slice("failed ".length),
    diskUnchanged: (await hashOfDisk(lab, volume)) === before,
    fileSystem: await stateOfFileSystem(lab, volume),
    restartedContainer,
  };
  on.say(`  ${describeStaleWriter(found)}`);
  return found;
}

function errorCodeOf(error: unknown): string {
  if (error instanceof Error && "code" in error) return String(error.code);
  throw error;
}
