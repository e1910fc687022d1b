import { ARCHITECTURES } from "./architecture.ts";
import type { Architecture } from "./architecture.ts";

/** What a dynamically linked program or library must find when it is loaded. */
export interface ElfNeeds {
  /** The machine whose instructions it has (e_machine); undefined for one that there is no image for. */
  readonly architecture: Architecture | undefined;
  /** Names of shared libraries (DT_NEEDED), in their order. */
  readonly libraries: readonly string[];
  /** Full path of the program that loads it (PT_INTERP); undefined for libraries. */
  readonly loader: string | undefined;
}

const MAGIC = 0x7f454c46;
/** EM_X86_64 and EM_AARCH64 of the ELF specification. */
const MACHINES = { x64: 62, arm64: 183 } as const satisfies Record<Architecture, number>;
const MACHINE_OFFSET = 18;
const CLASS_64 = 2;
const LITTLE_ENDIAN = 1;
const PT_LOAD = 1;
const PT_DYNAMIC = 2;
const PT_INTERP = 3;
const DT_NULL = 0n;
const DT_NEEDED = 1n;
const DT_STRTAB = 5n;
const DYNAMIC_ENTRY_BYTES = 16;
const HEADER_BYTES = 64;

interface Segment {
  readonly type: number;
  readonly offset: number;
  readonly address: bigint;
  readonly sizeBytes: number;
}

/**
 * Reads a 64-bit little-endian ELF file, as Debian's amd64 and arm64 have them; undefined for any other
 * file, such as a script.
 */
export function elfNeeds(bytes: Uint8Array): ElfNeeds | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (
    bytes.length < HEADER_BYTES ||
    view.getUint32(0) !== MAGIC ||
    view.getUint8(4) !== CLASS_64 ||
    view.getUint8(5) !== LITTLE_ENDIAN
  )
    return undefined;
  const segments = readSegments(view);
  const interpreter = segments.find(({ type }) => type === PT_INTERP);
  const dynamic = segments.find(({ type }) => type === PT_DYNAMIC);
  const machine = view.getUint16(MACHINE_OFFSET, true);
  return {
    architecture: ARCHITECTURES.find((name) => MACHINES[name] === machine),
    libraries: dynamic === undefined ? [] : readNeeded(bytes, view, dynamic, segments),
    loader: interpreter === undefined ? undefined : textAt(bytes, interpreter.offset),
  };
}

function readSegments(view: DataView): readonly Segment[] {
  const start = Number(view.getBigUint64(32, true));
  const entryBytes = view.getUint16(54, true);
  const count = view.getUint16(56, true);
  return Array.from({ length: count }, (_, index) => {
    const at = start + index * entryBytes;
    return {
      type: view.getUint32(at, true),
      offset: Number(view.getBigUint64(at + 8, true)),
      address: view.getBigUint64(at + 16, true),
      sizeBytes: Number(view.getBigUint64(at + 32, true)),
    };
  });
}

function readNeeded(
  bytes: Uint8Array,
  view: DataView,
  dynamic: Segment,
  segments: readonly Segment[],
): readonly string[] {
  const nameOffsets: number[] = [];
  let stringsAddress: bigint | undefined;
  for (let at = dynamic.offset; at < dynamic.offset + dynamic.sizeBytes; at += DYNAMIC_ENTRY_BYTES) {
    const tag = view.getBigUint64(at, true);
    const value = view.getBigUint64(at + 8, true);
    if (tag === DT_NULL) break;
    if (tag === DT_NEEDED) nameOffsets.push(Number(value));
    if (tag === DT_STRTAB) stringsAddress = value;
  }
  const loaded = segments.find(
    ({ type, address, sizeBytes }) =>
      type === PT_LOAD &&
      stringsAddress !== undefined &&
      address <= stringsAddress &&
      stringsAddress < address + BigInt(sizeBytes),
  );
  if (loaded === undefined || stringsAddress === undefined) return [];
  const strings = loaded.offset + Number(stringsAddress - loaded.address);
  return nameOffsets.map((offset) => textAt(bytes, strings + offset));
}

function textAt(bytes: Uint8Array, offset: number): string {
  return Buffer.from(bytes.subarray(offset, bytes.indexOf(0, offset))).toString("latin1");
}
