import assert from "node:assert/strict";
import type { AzVolume, WriterRecord } from "../../../src/core/api/az-volume.ts";
import { listIn } from "../../../src/core/testing/record-lists.ts";
import { followCollection } from "../../../testbed/lab/cluster/follow-collection.ts";
import type { Lab } from "../../../testbed/lab/lab.ts";
import { DRIVER_OBJECTS } from "../read-objects.ts";

const VOLUMES = `${DRIVER_OBJECTS}/azvolumes`;

/** A version of a volume's writer record, and its time. */
export interface SeenRecord {
  readonly atMs: number;
  readonly record: WriterRecord;
}

/** Runs `use` and answers every version that a volume's writer record had during it, oldest first. */
export async function recordsDuring(
  lab: Lab,
  volumeName: string,
  use: (soFar: () => readonly SeenRecord[]) => Promise<void>,
): Promise<readonly SeenRecord[]> {
  const seen = await allRecordsDuring(lab, (soFar) => use(() => soFar().get(volumeName) ?? []));
  return seen.get(volumeName) ?? [];
}

/** The same for all volumes, by the names of their objects. */
export async function allRecordsDuring(
  lab: Lab,
  use: (soFar: () => ReadonlyMap<string, readonly SeenRecord[]>) => Promise<void>,
): Promise<ReadonlyMap<string, readonly SeenRecord[]>> {
  const seen = new Map<string, SeenRecord[]>();
  const watching = new AbortController();
  const { ended } = await followCollection(
    lab,
    VOLUMES,
    ({ atMs, object }) => {
      const { metadata, status } = object as unknown as AzVolume;
      if (status?.record === undefined) return;
      const records = seen.get(metadata.name) ?? [];
      records.push({ atMs, record: status.record });
      seen.set(metadata.name, records);
    },
    watching.signal,
  );
  try {
    await use(() => seen);
  } finally {
    watching.abort();
  }
  await ended;
  return seen;
}

/**
 * Throws if a node was ever fenced, or became the writer before the previous writer had released the
 * volume.
 */
export function assertHandedOver(seen: readonly SeenRecord[]): void {
  let last: WriterRecord | undefined;
  for (const { record } of seen) {
    assert.deepEqual(
      { fencing: record.fencing, quarantine: listIn(record, "quarantined") },
      { fencing: undefined, quarantine: [] },
      "no node is fenced",
    );
    const before = last?.writer;
    const { writer } = record;
    if (before !== undefined && before.held)
      assert.equal(
        writer?.epoch,
        before.epoch,
        `${before.nodeName} held the volume, and had not released it`,
      );
    if (last !== undefined) assert.ok(record.epoch >= last.epoch, "epochs never go back");
    last = record;
  }
}

/** When a node first held the volume. Throws if it never did. */
export function firstHeldMs(seen: readonly SeenRecord[], nodeName: string): number {
  const first = seen.find(({ record }) => record.writer?.nodeName === nodeName && record.writer.held);
  if (first === undefined) throw new Error(`${nodeName} never held the volume: ${JSON.stringify(seen)}`);
  return first.atMs;
}
