/** A member of an archive. */
export interface CpioFile {
  /** Relative to the root; its folders are members of their own, before it. */
  readonly path: string;
  readonly mode: number;
  readonly content: Uint8Array;
}

/** The file types in a mode (inode(7)). */
const FOLDER = 0o040000;
const REGULAR_FILE = 0o100000;
const FOLDER_MODE = 0o755;

const ALIGNMENT_BYTES = 4;
const END = "TRAILER!!!";

/**
 * The archive from which a kernel fills its first root file system, in the format `newc` of cpio(5). The
 * kernel unpacks several of them one after the other if they are concatenated.
 */
export function cpioArchive(folders: readonly string[], files: readonly CpioFile[]): Uint8Array {
  const nothing = new Uint8Array();
  const members = [
    ...folders.map((path) => ({ path, mode: FOLDER | FOLDER_MODE, content: nothing })),
    ...files.map((file) => ({ ...file, mode: REGULAR_FILE | file.mode })),
    { path: END, mode: 0, content: nothing },
  ];
  return Buffer.concat(members.flatMap((member, index) => encode(member, index + 1)));
}

function encode({ path, mode, content }: CpioFile, inode: number): readonly Uint8Array[] {
  const name = Buffer.from(`${path}\0`);
  const [uid, gid, links, modifiedAt, deviceMajor, deviceMinor, ownMajor, ownMinor, checksum] = [
    0, 0, 1, 0, 0, 0, 0, 0, 0,
  ];
  const numbers = [
    ...[inode, mode, uid, gid, links, modifiedAt, content.length],
    ...[deviceMajor, deviceMinor, ownMajor, ownMinor, name.length, checksum],
  ];
  const digits = numbers.map((number) => number.toString(16).padStart(8, "0"));
  const header = Buffer.concat([Buffer.from(`070701${digits.join("")}`), name]);
  return [header, paddingAfter(header), content, paddingAfter(content)];
}

function paddingAfter({ length }: Uint8Array): Uint8Array {
  return new Uint8Array((ALIGNMENT_BYTES - (length % ALIGNMENT_BYTES)) % ALIGNMENT_BYTES);
}
