import { createHash, randomBytes } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { type Child, startChild } from "./lab/child.ts";
import type { Lab, LabNode } from "./lab/lab.ts";
import { type DemoVolume, targetPath } from "./volume-moves.ts";

const APPENDER = fileURLToPath(new URL("./appender.ts", import.meta.url));
const FILES = 8;
const FILE_BYTES = 256 * 1024;
const FIRST_RECORD_MAX_MS = 120_000;

/** Writes files of random content and computes their checksums. */
export async function writeFiles(node: LabNode, volume: DemoVolume): Promise<ReadonlyMap<string, string>> {
  const checksums = new Map<string, string>();
  for (let index = 0; index < FILES; index += 1) {
    const name = `file-${index}`;
    const content = randomBytes(FILE_BYTES);
    await writeFile(node.seenFromOutside(`${targetPath(node, volume)}/${name}`), content, { flush: true });
    checksums.set(name, createHash("sha256").update(content).digest("hex"));
  }
  return checksums;
}

/** Whether every file still has the content that was written. */
export async function checksumsHold(
  node: LabNode,
  volume: DemoVolume,
  checksums: ReadonlyMap<string, string>,
): Promise<boolean> {
  for (const [name, checksum] of checksums) {
    const content = await readFile(node.seenFromOutside(`${targetPath(node, volume)}/${name}`));
    if (createHash("sha256").update(content).digest("hex") !== checksum) return false;
  }
  return true;
}

/** A process on a node that appends to a file and syncs each record. */
export interface Writer {
  readonly process: Child;
  /** The number of the last record whose sync was reported. */
  lastSynced(): number;
  untilSynced(record: number): Promise<void>;
}

/** Starts a writer in the node's mount namespace, as a container would run there. */
export async function startWriter(
  lab: Lab,
  node: LabNode,
  volume: DemoVolume,
  firstRecord: number,
): Promise<Writer> {
  const file = `${targetPath(node, volume)}/log`;
  const command = [
    "nsenter",
    `--mount=/proc/${node.mountsPid}/ns/mnt`,
    "--",
    process.execPath,
    APPENDER,
    file,
    "20",
    String(firstRecord),
  ];
  const child = startChild(`writer on ${node.name}`, command);
  lab.own(child);
  const lastSynced = (): number =>
    Number(
      child
        .lines()
        .findLast((line) => line.startsWith("synced "))
        ?.slice("synced ".length) ?? firstRecord - 1,
    );
  const writer: Writer = {
    process: child,
    lastSynced,
    untilSynced: async (record) => {
      await child.untilLine(
        (line) => line.startsWith("synced ") && Number(line.slice("synced ".length)) >= record,
        FIRST_RECORD_MAX_MS,
      );
    },
  };
  await writer.untilSynced(firstRecord);
  return writer;
}

/** Whether the log holds each record from the first to `last`, in order and complete. */
export async function recordsHold(node: LabNode, volume: DemoVolume, last: number): Promise<boolean> {
  const numbers = await recordsIn(node, volume);
  return numbers.length >= last && numbers.slice(0, last).every((number, index) => number === index + 1);
}

/** The numbers of the complete records in the log: a power loss may leave the torn end of a further one. */
export async function recordsIn(node: LabNode, volume: DemoVolume): Promise<readonly number[]> {
  const text = await readFile(node.seenFromOutside(`${targetPath(node, volume)}/log`), "utf8");
  return text
    .split("\n")
    .slice(0, -1)
    .filter((line) => line.length > 200)
    .map((line) => Number(line.split(" ")[1]));
}
