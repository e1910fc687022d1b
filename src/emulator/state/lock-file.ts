import { lockOpenFile } from "../data-plane/lock-open-file.ts";
import { loadSystemCalls, type SystemCalls } from "../data-plane/system-calls.ts";

/**
 * Locks an open file for this process. Rejects if another process has it. Where the C library can't be
 * called, which needs Linux and the package koffi, nothing is locked.
 */
export async function lockFile(file: number, path: string): Promise<void> {
  const systemCalls = await systemCallsHere();
  if (systemCalls === undefined) return;
  await lockOpenFile(
    systemCalls,
    file,
    `another emulator uses ${path}: end that one, or choose another folder`,
  );
}

async function systemCallsHere(): Promise<SystemCalls | undefined> {
  if (process.platform !== "linux") return undefined;
  try {
    return await loadSystemCalls();
  } catch {
    // An emulator without devices runs without koffi.
    return undefined;
  }
}
