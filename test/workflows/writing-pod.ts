import assert from "node:assert/strict";
import { status } from "@grpc/grpc-js";
import type { LabNode } from "../../demo/lab/lab.ts";
import { mountPoints } from "../../demo/observe.ts";
import { untilClean } from "../../demo/until-clean.ts";
import {
  type DemoVolume,
  publishAgain,
  unpublishOnController,
  unpublishOnNode,
  unstage,
} from "../../demo/volume-moves.ts";
import { waitUntil } from "../../demo/wait-until.ts";
import { checksumsHold, recordsIn, startWriter, type Writer, writeFiles } from "../../demo/workload.ts";
import { bringUp, takeDown, takeDownAfterFence, untilServed } from "./volume-use.ts";
import type { LabWorld } from "./with-lab.ts";

/** A pod of a StatefulSet that has written files, and appends synced records to its volume. */
export interface WritingPod {
  readonly volume: DemoVolume;
  /** The node that it is on, or leaves, or comes to. */
  readonly node: LabNode;
  /**
   * Publishes its volume where the pod is, as Kubernetes does for a VolumeAttachment, and gives that up once
   * the pod is deleted: a late request would hold the volume on a node that the pod has left.
   */
  publishAgain(): Promise<void>;
  /** Waits until it has written further records. */
  untilWritten(): Promise<void>;
  /**
   * Deletes the pod and starts it on another node. A node that loses its power has to boot, and repeats what
   * it was at. Throws if a synced record or a file is not as before.
   */
  moveTo(node: LabNode): Promise<void>;
  /**
   * Starts the pod on another node while its own is frozen or off, and out of service. Throws if a synced
   * record or a file is not as before. Returns what is left on the lost node.
   */
  failOverTo(node: LabNode, lost: "frozen" | "off"): Promise<StalePod>;
  /** Starts it again if its node has lost its power and booted since. Throws as `moveTo`. */
  comeBack(): Promise<void>;
  /** What writes now. */
  writer(): Writer;
  /** Throws if a copy on the pod's node lacks a file, or a record up to this one. */
  checkCopy(copy: DemoVolume, atLeast: number): Promise<void>;
  /** Deletes the pod. Returns the number of its last record, all before which were there. */
  end(): Promise<number>;
}

/** A pod that was replaced while its node was frozen or off. */
export interface StalePod {
  /**
   * Waits until its next sync fails, as it must after a fence; one whose node was off has ended. Throws if it
   * has synced a lost record.
   */
  untilRefused(): Promise<void>;
  /** Its node is in service again: waits until it has cleaned up, and tells it of the pod's deletion. */
  cleanUp(): Promise<void>;
}

const STOP_GRACE_MS = 60_000;
const REFUSED_MAX_MS = 60_000;
const BOOT_MAX_MS = 120_000;
const FURTHER_RECORDS = 5;

/** Starts a pod on a node, with an empty volume. */
export async function startWritingPod(
  { lab, signal }: Pick<LabWorld, "lab" | "signal">,
  volume: DemoVolume,
  first: LabNode,
): Promise<WritingPod> {
  let node = first;
  let deleted = new AbortController();
  let published: Promise<unknown> = Promise.resolve();
  let last = 0;
  await bringUp(lab, volume, node);
  const files = await writeFiles(node, volume);
  let writer: Writer = await startWriter(lab, node, volume, 1);
  let power = node.power;

  async function checkContent(atLeast: number): Promise<void> {
    last = await checkRecords(volume, atLeast);
  }

  /** Returns how many records there are. */
  async function checkRecords(of: DemoVolume, atLeast: number): Promise<number> {
    const numbers = await recordsIn(node, of);
    assert.ok(numbers.length >= atLeast, `${of.name} on ${node.name} has lost synced records`);
    assert.ok(
      numbers.every((number, index) => number === index + 1),
      `${of.name} on ${node.name} has other records than were written`,
    );
    assert.ok(await checksumsHold(node, of, files), `${of.name} on ${node.name} has other files`);
    return numbers.length;
  }

  async function leaves(): Promise<void> {
    deleted.abort();
    await published;
  }

  function comesTo(next: LabNode): Promise<void> {
    node = next;
    deleted = new AbortController();
    return repeatedAfterBoots(start);
  }

  /** As the kubelet does for a pod that does not run. All that was reported as synced is there. */
  async function start(boot: AbortSignal): Promise<void> {
    await bringUp(lab, volume, node);
    await checkContent(Math.max(last, writer.lastSynced()));
    // In the next boot nothing is mounted yet, and a writer would start beside the volume.
    boot.throwIfAborted();
    writer = await startWriter(lab, node, volume, last + 1);
    power = boot;
  }

  /** `work` gets the boot at its begin: what a power loss interrupts is repeated in the next one. */
  async function repeatedAfterBoots(work: (boot: AbortSignal) => Promise<void>): Promise<void> {
    for (;;) {
      const boot = await waitUntil(`${node.name} to be on`, BOOT_MAX_MS, () =>
        Promise.resolve(node.power.aborted ? undefined : node.power),
      );
      try {
        await work(boot);
        return;
      } catch (error) {
        if (!boot.aborted) throw error;
      }
    }
  }

  return {
    volume,
    get node() {
      return node;
    },
    publishAgain: async () => {
      const { signal: ends } = deleted;
      if (ends.aborted) return;
      const call = publishAgain(lab, volume, node, { signal: ends });
      published = Promise.allSettled([call]);
      try {
        await call;
      } catch (error) {
        if (!ends.aborted) throw error;
      }
    },
    untilWritten: () => writer.untilSynced(writer.lastSynced() + FURTHER_RECORDS),
    moveTo: async (next) => {
      await writer.process.stop(STOP_GRACE_MS);
      await leaves();
      await repeatedAfterBoots(async (boot) => {
        // After a boot it is not mounted here, and checked on the next node alone.
        if (boot === power) await checkContent(writer.lastSynced());
        await takeDown(lab, volume, node);
      });
      await comesTo(next);
    },
    comeBack: async () => {
      if (node.power !== power) await repeatedAfterBoots(start);
    },
    failOverTo: async (next, lost) => {
      const [staleNode, staleWriter] = [node, writer];
      await leaves();
      await untilServed(() => unpublishOnController(lab, volume, staleNode), [status.FAILED_PRECONDITION]);
      await comesTo(next);
      const found = last;
      return {
        untilRefused: async () => {
          if (lost === "frozen")
            await staleWriter.process.untilLine((line) => line.startsWith("failed "), REFUSED_MAX_MS);
          await staleWriter.process.stop(STOP_GRACE_MS);
          // It may tell only now of a record that it had synced before it froze.
          assert.ok(
            staleWriter.lastSynced() <= found,
            `${volume.name} on ${staleNode.name} has synced a record after its fence`,
          );
          await lab.orchestrator.removeUser(staleNode.name, volume.volumeId);
        },
        cleanUp: async () => {
          const found = await untilClean({ lab, signal }, volume, staleNode, ["unlisted"]);
          if (lost === "frozen" && found === "clean") await takeDownAfterFence(lab, volume, staleNode);
          else {
            // Nothing is mounted there any more, or it is left to its kubelet, which finds the pod's folder.
            await untilServed(() => unpublishOnNode(lab, volume, staleNode));
            await untilServed(() => unstage(volume, staleNode));
          }
          const left = (await mountPoints(staleNode)).filter((path) => path.includes(`/${volume.name}/`));
          assert.deepEqual(left, [], `left on ${staleNode.name}`);
        },
      };
    },
    writer: () => writer,
    checkCopy: async (copy, atLeast) => void (await checkRecords(copy, atLeast)),
    end: async () => {
      await writer.process.stop(STOP_GRACE_MS);
      await checkContent(writer.lastSynced());
      await takeDown(lab, volume, node);
      return last;
    },
  };
}
