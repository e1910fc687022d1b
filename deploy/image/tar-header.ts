import type { TarEntry } from "./tar-entry.ts";

/** Tar archives consist of blocks of this size, in bytes. */
export const BLOCK_BYTES = 512;
/**
 * The modification time of everything in our archives, in seconds since 1970: 1 January 1980, the earliest
 * that zip files can hold.
 */
export const MODIFIED_AT_S = 315_532_800;

const NAME_BYTES_MAX = 100;
const NUMBER_MAX = 0o7777777;
const SIZE_BYTES_MAX = 0o77777777777;
const LINK_MODE = 0o777;
const ASCII = /^[\u0020-\u007e]*$/u;
const TYPE_FLAGS: Readonly<Record<TarEntry["kind"], string>> = {
  File: "0",
  HardLink: "1",
  SymbolicLink: "2",
  Folder: "5",
};
const EXTENDED_HEADER = "x";

/**
 * The header of one member (POSIX.1-2001), after an extended header if a name is long or not ASCII. Its
 * content follows in blocks of `BLOCK_BYTES`.
 */
export function encodeTarHeader(entry: TarEntry): Uint8Array {
  const name = entry.kind === "Folder" ? `${entry.path}/` : entry.path;
  const target = entry.kind === "SymbolicLink" || entry.kind === "HardLink" ? entry.target : "";
  const records = [...extendedRecord("path", name), ...extendedRecord("linkpath", target)];
  const header = encodeBlock({
    name: records.length > 0 ? shorten(name) : name,
    target: records.length > 0 ? shorten(target) : target,
    mode: entry.kind === "File" || entry.kind === "Folder" ? entry.mode : LINK_MODE,
    uid: entry.uid ?? 0,
    gid: entry.gid ?? 0,
    sizeBytes: contentBytes(entry),
    typeFlag: TYPE_FLAGS[entry.kind],
  });
  if (records.length === 0) return header;

  const content = Buffer.from(records.join(""));
  const extended = encodeBlock({
    name: shorten(name),
    target: "",
    mode: 0o644,
    uid: 0,
    gid: 0,
    sizeBytes: content.length,
    typeFlag: EXTENDED_HEADER,
  });
  return Buffer.concat([extended, content, paddingAfter(content.length), header]);
}

/** The padding of the last block of content of this size. */
export function paddingAfter(sizeBytes: number): Uint8Array {
  return new Uint8Array((BLOCK_BYTES - (sizeBytes % BLOCK_BYTES)) % BLOCK_BYTES);
}

/** How many bytes of content follow the header of `entry`. */
export function contentBytes(entry: TarEntry): number {
  if (entry.kind !== "File") return 0;
  return entry.content.kind === "Bytes" ? entry.content.bytes.length : entry.content.sizeBytes;
}

/** `<length> <key>=<value>\n`, where the length includes itself; nothing if the value fits the header. */
function extendedRecord(key: string, value: string): readonly string[] {
  if (value.length <= NAME_BYTES_MAX && ASCII.test(value)) return [];
  const rest = ` ${key}=${value}\n`;
  const restBytes = Buffer.byteLength(rest);
  let lengthBytes = restBytes + String(restBytes).length;
  if (String(lengthBytes).length > String(restBytes).length) lengthBytes += 1;
  return [`${lengthBytes}${rest}`];
}

/** For readers that do not support extended headers. */
function shorten(name: string): string {
  return name.replaceAll(/[^\u0020-\u007e]/gu, "_").slice(0, NAME_BYTES_MAX);
}

interface HeaderBlock {
  readonly name: string;
  readonly target: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly sizeBytes: number;
  readonly typeFlag: string;
}

function encodeBlock({ name, target, mode, uid, gid, sizeBytes, typeFlag }: HeaderBlock): Uint8Array {
  if (uid > NUMBER_MAX || gid > NUMBER_MAX || sizeBytes > SIZE_BYTES_MAX) {
    throw new RangeError(`${name} can't go into a tar archive: owner ${uid}:${gid}, ${sizeBytes} bytes`);
  }
  const block = Buffer.alloc(BLOCK_BYTES);
  block.write(name, 0, "latin1");
  writeOctal(block, mode, { offset: 100, digits: 7 });
  writeOctal(block, uid, { offset: 108, digits: 7 });
  writeOctal(block, gid, { offset: 116, digits: 7 });
  writeOctal(block, sizeBytes, { offset: 124, digits: 11 });
  writeOctal(block, MODIFIED_AT_S, { offset: 136, digits: 11 });
  block.write("        ", 148, "latin1");
  block.write(typeFlag, 156, "latin1");
  block.write(target, 157, "latin1");
  block.write("ustar\u000000", 257, "latin1");
  const checksum = block.reduce((sum, byte) => sum + byte, 0);
  writeOctal(block, checksum, { offset: 148, digits: 6 });
  block[154] = 0;
  return block;
}

function writeOctal(
  block: Buffer,
  value: number,
  { offset, digits }: { offset: number; digits: number },
): void {
  block.write(value.toString(8).padStart(digits, "0"), offset, "latin1");
}
