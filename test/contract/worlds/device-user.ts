import { closeSync, constants, openSync, writeSync } from "node:fs";
import koffi from "koffi";

/** How the process of this file uses a device. */
export interface DeviceUse {
  readonly path: string;
  /** What it has mapped, after which it has closed the device; else it has the device open. */
  readonly mapping: "shared" | "private" | undefined;
  /** Where in its memory, to the kernel's choice if left out. */
  readonly address?: number;
  /** Whether its first thread has ended: the others still have what it had. */
  readonly isFirstThreadOver?: boolean;
  /** Whether it has sent the device a direct write by io_uring, for which the kernel keeps no process. */
  readonly hasSentWrite?: boolean;
}

const PAGE_BYTES = 4096;
const [PROT_READ, PROT_WRITE] = [1, 2];
const [MAP_SHARED, MAP_PRIVATE, MAP_FIXED] = [1, 2, 16];
/** Anonymous memory; and pages that the kernel has from the start. */
const [MAP_ANONYMOUS, MAP_POPULATE] = [0x20, 0x8000];
/** exit(2), the system call that ends one thread. */
const SYS_EXIT = process.arch === "arm64" ? 93 : 60;
/** Of io_uring_setup(2) and io_uring_enter(2), the same on every machine. */
const [SYS_SETUP, SYS_ENTER] = [425, 426];
/** Where the rings of an io_uring are mapped, and where its entries are (linux/io_uring.h). */
const [IORING_OFF_SQ_RING, IORING_OFF_SQES] = [0, 0x1000_0000];
const IORING_OP_WRITE = 23;
/** In `struct io_uring_params`: its size, and where it says what the queue's tail and array are at. */
const [PARAMS_BYTES, SQ_TAIL, SQ_ARRAY] = [120, 44, 64];

const use = JSON.parse(process.argv[2] ?? "") as DeviceUse;
const libc = koffi.load(null);
const mmap = libc.func(
  "intptr_t mmap(uintptr_t address, size_t bytes, int protection, int flags, int fd, long offset)",
);
const syscall = libc.func("long syscall(long number, long argument)");
const device = openSync(use.path, constants.O_RDWR | (use.hasSentWrite === true ? constants.O_DIRECT : 0));
if (use.mapping !== undefined) {
  const flags =
    (use.mapping === "shared" ? MAP_SHARED : MAP_PRIVATE) | (use.address === undefined ? 0 : MAP_FIXED);
  const mapped = Number(mmap(use.address ?? 0, PAGE_BYTES, PROT_READ | PROT_WRITE, flags, device, 0));
  if (mapped === -1) throw new Error(`could not map ${use.path}: errno ${koffi.errno()}`);
  closeSync(device);
}
if (use.hasSentWrite === true) sendWrite(device);
writeSync(1, "up\n");
if (use.isFirstThreadOver === true) syscall(SYS_EXIT, 0);
// It is killed.
process.stdin.resume();

/** Sends one page to the start of the device, and waits for nothing. */
function sendWrite(fd: number): void {
  const setup = libc.func("long syscall(long number, long entries, void *params)");
  const enter = libc.func(
    "long syscall(long number, long ring, long toSubmit, long toComplete, long flags, long mask, long size)",
  );
  const params = Buffer.alloc(PARAMS_BYTES);
  const ring = Number(setup(SYS_SETUP, 1, params));
  if (ring < 0) throw new Error(`this kernel has no io_uring: errno ${koffi.errno()}`);
  const shared = MAP_SHARED | MAP_POPULATE;
  const queue = memory(shared, ring, IORING_OFF_SQ_RING);
  const entry = memory(shared, ring, IORING_OFF_SQES);
  const page = memory(MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  page.bytes.fill("late");
  entry.bytes.writeUInt8(IORING_OP_WRITE, 0);
  entry.bytes.writeInt32LE(fd, 4);
  entry.bytes.writeBigUInt64LE(BigInt(page.address), 16);
  entry.bytes.writeUInt32LE(PAGE_BYTES, 24);
  queue.bytes.writeUInt32LE(0, params.readUInt32LE(SQ_ARRAY));
  queue.bytes.writeUInt32LE(1, params.readUInt32LE(SQ_TAIL));
  const sent = Number(enter(SYS_ENTER, ring, 1, 0, 0, 0, 0));
  if (sent !== 1) throw new Error(`io_uring_enter sent ${sent}: errno ${koffi.errno()}`);
}

/** One page of memory. */
function memory(
  flags: number,
  fd: number,
  offset: number,
): { readonly address: number; readonly bytes: Buffer } {
  const address = Number(mmap(0, PAGE_BYTES, PROT_READ | PROT_WRITE, flags, fd, offset));
  if (address === -1) throw new Error(`could not map a page: errno ${koffi.errno()}`);
  return { address, bytes: Buffer.from(koffi.view(BigInt(address), PAGE_BYTES)) };
}
