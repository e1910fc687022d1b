import type { Lab, LabNode } from "./lab/lab.ts";
import { attachedNodes, fileSystemIsClean, hashOfDisk, readRecord, readStateTags } from "./observe.ts";
import type { Timeline } from "./timeline.ts";
import { untilServed } from "./until-served.ts";
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
 * On top, times the time scale: at Azure's own pace one attach in a hundred takes a minute, and replicas
 * come one after another.
 */
const REPLICAS_AZURE_MS = 300_000;
const CLEAN_MAX_MS = 120_000;
const GRANT_MAX_MS = 120_000;
const RECORDS_BEFORE_A_MOVE = 10;

/** What the acts share. */
export interface Stage {
  readonly lab: Lab;
  readonly timeline: Timeline;
  readonly signal: AbortSignal;
  readonly say: (text: string) => void;
  /**
   * How long replicas that no node requests are kept, in milliseconds, where the run is to wait until they
   * are older; undefined: it does not wait.
   */
  readonly pruneAfterMs: number | undefined;
}

/** Puts a volume to work on a node: attach, stage, publish. Without devices, as far as that goes. */
export async function start(on: Stage, volume: DemoVolume, node: LabNode, prefix: string): Promise<void> {
  const { lab, timeline } = on;
  const context = await timeline.measure(`${prefix}: ControllerPublishVolume on ${node.name}`, () =>
    // Orchestrators call again, too, where the grant takes longer than such a call waits for it.
    untilServed(`${volume.name} to be granted to ${node.name}`, GRANT_MAX_MS, () =>
      publishOnController(lab, volume, node),
    ),
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

/** Takes a volume from a node, in the order of an orderly drain. */
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

/** Waits until all attachments of the volume are older than replicas are kept that no node requests. */
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

/** The uids of the volume's attachments, by node: another uid is another attach. */
export async function uidsOf(on: Stage, volume: DemoVolume): Promise<ReadonlyMap<string, string>> {
  return new Map(
    [...(await attachedNodes(on.lab, volume, on.signal))].map(([nodeName, { metadata }]) => [
      nodeName,
      metadata.uid,
    ]),
  );
}

/**
 * Waits until the disk's tags keep what is to outlive the objects: that is written once the volume is at
 * rest, and calls Azure.
 */
export async function untilStateKept(on: Stage, volume: DemoVolume): Promise<void> {
  await waitUntil(
    `the tags of ${volume.name} to keep its first format`,
    STATE_KEPT_MAX_MS + REPLICAS_AZURE_MS * on.lab.timeScale,
    async () =>
      Object.keys((await readStateTags(on.lab, volume, on.signal)) ?? {}).length > 0 ? true : undefined,
  );
}

/** A volume at work: its files, and a writer that appends. */
export interface Work {
  readonly checksums: ReadonlyMap<string, string>;
  readonly writer: Writer;
}

/** Writes files with checksums and starts a writer that syncs each record. */
export async function putToWork(on: Stage, volume: DemoVolume, node: LabNode): Promise<Work> {
  const checksums = await writeFiles(node, volume);
  return { checksums, writer: await startWriter(on.lab, node, volume, 1) };
}

/**
 * Stops the writer after a few more records, as a pod's termination would; answers the last synced record.
 */
export async function endWork(work: Work): Promise<number> {
  await work.writer.untilSynced(work.writer.lastSynced() + RECORDS_BEFORE_A_MOVE);
  await work.writer.process.stop(5_000);
  return work.writer.lastSynced();
}

/** Whether nothing of what was synced is missing on this node. */
export async function nothingLost(
  node: LabNode,
  volume: DemoVolume,
  checksums: ReadonlyMap<string, string>,
  lastSynced: number,
): Promise<boolean> {
  return (await checksumsHold(node, volume, checksums)) && (await recordsHold(node, volume, lastSynced));
}

/** The node freezes: its plug-in and its workloads, as a hung VM. */
export function freeze(node: LabNode, writer: Writer | undefined): void {
  node.process.kill("SIGSTOP");
  writer?.process.kill("SIGSTOP");
}

/** It goes on as if nothing had happened. */
export function thaw(node: LabNode, writer: Writer | undefined): void {
  node.process.kill("SIGCONT");
  writer?.process.kill("SIGCONT");
}

/**
 * The stale writer comes back. Its next sync must fail, and nothing that it or its node does may reach the
 * disk; the node cleans up after itself and leaves quarantine. A container that is started again there must
 * not write beside the disk; then its pod is unpublished, as by a kubelet that hears that it is gone. The
 * volume must not be mounted anywhere meanwhile, so that any change of the disk would be the stale
 * writer's.
 */
export async function provesStaleWriterBlocked(
  on: Stage,
  volume: DemoVolume,
  stale: LabNode,
  writer: Writer,
): Promise<boolean> {
  const { lab, timeline, signal } = on;
  const before = await hashOfDisk(lab, volume);
  thaw(stale, writer);
  const failed = await timeline.measure(`thaw: ${stale.name}'s writer is refused`, () =>
    writer.process.untilLine((line) => line.startsWith("failed "), 20_000),
  );
  await writer.process.stop(5_000);
  await lab.orchestrator.removeUser(stale.name, volume.volumeId);
  await lab.orchestrator.setOutOfService(stale.name, false);
  await timeline.measure(`thaw: ${stale.name} has cleaned up and left quarantine`, () =>
    waitUntil(`${stale.name} to leave quarantine`, CLEAN_MAX_MS, async () => {
      const record = await readRecord(lab, volume, signal);
      return record?.quarantine.some((node) => node.nodeName === stale.name) === false ? true : undefined;
    }),
  );
  const besideDisk = await writeFiles(stale, volume).then(() => "WRITES BESIDE ITS DISK", errorCodeOf);
  // What the node does by itself may be at its last step.
  await untilServed(`${stale.name} to have unpublished`, CLEAN_MAX_MS, () =>
    unpublishOnNode(lab, volume, stale),
  );
  const isUnchanged = (await hashOfDisk(lab, volume)) === before;
  const isClean = await fileSystemIsClean(lab, volume);
  const isRefused = failed === "failed EIO" || failed === "failed EROFS";
  on.say(
    `  its fsync answered ${failed.slice("failed ".length)}; the disk is ${isUnchanged ? "unchanged" : "CHANGED"}; e2fsck -fn says ${isClean ? "clean" : "NOT CLEAN"}`,
  );
  on.say(`  a container that is started again there finds ${besideDisk} where the volume was`);
  return isRefused && isUnchanged && isClean && besideDisk === "EROFS";
}

function errorCodeOf(error: unknown): string {
  if (error instanceof Error && "code" in error) return String(error.code);
  throw error;
}
