import type { Lab } from "../../demo/lab/lab.ts";
import { waitUntil } from "../../demo/wait-until.ts";
import type { AzVolume, WriterRecord } from "../../src/core/api/az-volume.ts";
import { nodesIn } from "../../src/core/writer/record/record-nodes.ts";

/** Every stored state of one volume's writer record, oldest first. */
export interface RecordHistory {
  readonly records: readonly WriterRecord[];
  /** Waits until a matching state has been seen; returns its index. */
  untilSeen(what: string, fits: (record: WriterRecord) => boolean): Promise<number>;
  /** The holders of the grant, in order, without repetitions: `node-a@2`. */
  writers(): readonly string[];
  stop(): Promise<void>;
}

const SEEN_MAX_MS = 120_000;

/** Follows a volume's record from now on, by a watch that misses nothing. */
export async function followRecord(
  lab: Lab,
  volumeName: string,
  signal: AbortSignal,
): Promise<RecordHistory> {
  const ended = new AbortController();
  const until = AbortSignal.any([signal, ended.signal]);
  const records: WriterRecord[] = [];
  const add = (volume: AzVolume): void => {
    if (volume.metadata.name === volumeName && volume.status?.record !== undefined)
      records.push(volume.status.record);
  };
  const listed = await lab.store.list("AzVolume", {}, signal);
  if (!listed.ok) throw new Error(listed.failure.kind);
  listed.value.items.forEach(add);
  let broken: unknown;
  const following = (async () => {
    for await (const event of lab.store.watch("AzVolume", {}, listed.value.resourceVersion, until))
      if (event.type !== "BOOKMARK") add(event.object);
  })().catch((error: unknown) => {
    if (!until.aborted) broken = error;
  });
  return {
    records,
    untilSeen: (what, fits) =>
      waitUntil(what, SEEN_MAX_MS, () => {
        if (broken !== undefined) throw broken;
        const place = records.findIndex(fits);
        return Promise.resolve(place === -1 ? undefined : place);
      }),
    writers: () =>
      records
        .flatMap(({ writer }) => (writer === undefined ? [] : [`${writer.nodeName}@${writer.epoch}`]))
        .filter((name, index, all) => name !== all[index - 1]),
    stop: async () => {
      ended.abort();
      await following;
      if (broken !== undefined) throw broken;
    },
  };
}

/** True once the record has no node in quarantine; undefined also while there is no record. */
export function noneQuarantined(record: WriterRecord | undefined): true | undefined {
  return record !== undefined && nodesIn(record, "quarantined").length === 0 ? true : undefined;
}
