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
}

const PAGE_BYTES = 4096;
const [PROT_READ, PROT_WRITE] = [1, 2];
const [MAP_SHARED, MAP_PRIVATE, MAP_FIXED] = [1, 2, 16];
/** exit(2), the system call that ends one thread. */
const SYS_EXIT = process.arch === "arm64" ? 93 : 60;

const use = JSON.parse(process.argv[2] ?? "") as DeviceUse;
const libc = koffi.load(null);
const mmap = libc.func(
  "intptr_t mmap(uintptr_t address, size_t bytes, int protection, int flags, int fd, long offset)",
);
const syscall = libc.func("long syscall(long number, long argument)");
const device = openSync(use.path, constants.O_RDWR);
if (use.mapping !== undefined) {
  const flags =
    (use.mapping === "shared" ? MAP_SHARED : MAP_PRIVATE) | (use.address === undefined ? 0 : MAP_FIXED);
  const mapped = Number(mmap(use.address ?? 0, PAGE_BYTES, PROT_READ | PROT_WRITE, flags, device, 0));
  if (mapped === -1) throw new Error(`could not map ${use.path}: errno ${koffi.errno()}`);
  closeSync(device);
}
writeSync(1, "up\n");
if (use.isFirstThreadOver === true) syscall(SYS_EXIT, 0);
// It is killed.
process.stdin.resume();
