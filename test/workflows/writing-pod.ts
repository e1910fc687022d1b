import assert from "node:assert/strict";
import type { Lab, LabNode } from "../../demo/lab/lab.ts";
import type { DemoVolume } from "../../demo/volume-moves.ts";
import { checksumsHold, recordsIn, startWriter, type Writer, writeFiles } from "../../demo/workload.ts";
import { bringUp, takeDown } from "./volume-use.ts";

/** A pod of a StatefulSet that has written files, and appends synced records to its volume. */
export interface WritingPod {
  readonly volume: DemoVolume;
  /** The node that it is on. */
  readonly node: LabNode;
  /** Waits until it has written further records. */
  untilWritten(): Promise<void>;
  /** Deletes the pod and starts it on another node. Throws if a record or a file is not as before. */
  moveTo(node: LabNode): Promise<void>;
  /** Deletes the pod. Returns the number of its last record, all before which were there. */
  end(): Promise<number>;
}

const STOP_GRACE_MS = 60_000;
const FURTHER_RECORDS = 5;

/** Starts a pod on a node, with an empty volume. */
export async function startWritingPod(lab: Lab, volume: DemoVolume, first: LabNode): Promise<WritingPod> {
  let node = first;
  let last = 0;
  await bringUp(lab, volume, node);
  const files = await writeFiles(node, volume);
  let writer: Writer = await startWriter(lab, node, volume, 1);

  /** Stops the writer; what it reported is there, and nothing is missing or twice. */
  async function stopped(): Promise<void> {
    await writer.process.stop(STOP_GRACE_MS);
    await checkContent(writer.lastSynced());
  }

  async function checkContent(atLeast: number): Promise<void> {
    const numbers = await recordsIn(node, volume);
    assert.ok(numbers.length >= atLeast, `${volume.name} on ${node.name} has lost synced records`);
    assert.ok(
      numbers.every((number, index) => number === index + 1),
      `${volume.name} on ${node.name} has other records than were written`,
    );
    assert.ok(await checksumsHold(node, volume, files), `${volume.name} on ${node.name} has other files`);
    last = numbers.length;
  }

  return {
    volume,
    get node() {
      return node;
    },
    untilWritten: () => writer.untilSynced(writer.lastSynced() + FURTHER_RECORDS),
    moveTo: async (next) => {
      await stopped();
      await takeDown(lab, volume, node);
      node = next;
      await bringUp(lab, volume, node);
      await checkContent(last);
      writer = await startWriter(lab, node, volume, last + 1);
    },
    end: async () => {
      await stopped();
      await takeDown(lab, volume, node);
      return last;
    },
  };
}
