import { getSystemErrorName } from "node:util";
import { attempt } from "./attempt.ts";

/**
 * Two system calls that Node has no function for. Both reject with an error whose `code` is the errno's
 * name.
 */
export interface SystemCalls {
  /**
   * ioctl(2). Runs on a worker thread, since it may wait for I/O in flight. `argument` is what the kernel
   * reads or fills in; null if there is none.
   */
  ioctl(fd: number, request: number, argument: Uint8Array | null): Promise<number>;
  /** flock(2): an advisory lock that the kernel drops with the process, however that ends. */
  flock(fd: number, operation: number): Promise<number>;
}

type NativeFunction = { async(...argumentsAndCallback: readonly unknown[]): void };

/**
 * Loads the C library. koffi is imported only here, so that an emulator without block devices does not need
 * it.
 */
export async function loadSystemCalls(): Promise<SystemCalls> {
  const koffi = await attempt("load koffi, the package for calling the C library", () => import("koffi"));
  const libc = koffi.load(null);
  // Not declared variadic, which koffi cannot call on another thread. Linux on x86-64 and arm64 passes the
  // third argument the same way.
  const ioctl = libc.func("int ioctl(int fd, unsigned long request, void *argument)");
  const flock = libc.func("int flock(int fd, int operation)");

  function call(name: string, native: NativeFunction, ...argument: readonly unknown[]): Promise<number> {
    return new Promise((resolve, reject) => {
      native.async(...argument, (error: unknown, result: number) => {
        if (error) reject(error);
        else if (result < 0) reject(systemCallError(name, koffi.errno()));
        else resolve(result);
      });
    });
  }

  return {
    ioctl: (fd, request, argument) => call(`ioctl 0x${request.toString(16)}`, ioctl, fd, request, argument),
    flock: (fd, operation) => call("flock", flock, fd, operation),
  };
}

function systemCallError(call: string, errno: number): Error {
  const code = getSystemErrorName(-errno);
  return Object.assign(new Error(`${call}: ${code}`), { code });
}
