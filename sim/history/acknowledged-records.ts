import type { Violation } from "./violation.ts";

/** The records that containers know to be on disk, by volume: a later container must find them. */
export interface AcknowledgedRecords {
  /** How many records of a volume were acknowledged; they are numbered from 0. */
  count(volumeName: string): number;
  /** The records of a volume that were acknowledged, in order. */
  texts(volumeName: string): readonly string[];
  /** A volume was made with these records on it: its first container must find them. */
  inherit(volumeName: string, texts: readonly string[]): void;
  /** The records of a volume that were acknowledged, by file name. */
  files(volumeName: string): ReadonlyMap<string, string>;
  /** A sync has succeeded that covers the record of that number. */
  acknowledge(record: { readonly volumeName: string; readonly number: number; readonly text: string }): void;
  /** Compares what a container reads with what was acknowledged. */
  compare(volumeName: string, podName: string, read: (number: number) => string | undefined): void;
}

/** The file of a record. Each of several pods of a volume has records of its own, under its own name. */
export function recordName(number: number, writer = ""): string {
  return `/${writer}record-${number}`;
}

/** No record acknowledged yet. */
export function createAcknowledgedRecords(
  report: (violation: Omit<Violation, "atMs">) => void,
): AcknowledgedRecords {
  const byVolume = new Map<string, string[]>();
  const recordsOf = (volumeName: string): string[] => {
    const records = byVolume.get(volumeName) ?? [];
    byVolume.set(volumeName, records);
    return records;
  };
  const lost = (detail: string): void => report({ invariant: "synced-data-lost", detail });

  return {
    count: (volumeName) => recordsOf(volumeName).length,
    texts: recordsOf,
    inherit: (volumeName, texts) => byVolume.set(volumeName, [...texts]),
    files: (volumeName) =>
      new Map(recordsOf(volumeName).map((text, number) => [recordName(number), text] as const)),
    acknowledge: ({ volumeName, number, text }) => {
      const records = recordsOf(volumeName);
      const present = records[number];
      if (present !== undefined && present !== text) {
        lost(
          `record ${number} of ${volumeName} was acknowledged twice: first "${present}", which ` +
            `"${text}" has overwritten`,
        );
      }
      records[number] = text;
    },
    compare: (volumeName, podName, read) => {
      const wrong = recordsOf(volumeName).findIndex((text, number) => read(number) !== text);
      if (wrong === -1) return;
      const found = read(wrong);
      lost(
        `${podName} reads ${found === undefined ? "nothing" : `"${found}"`} where record ${wrong} of ` +
          `${volumeName} was acknowledged as "${recordsOf(volumeName)[wrong] ?? ""}"`,
      );
    },
  };
}
