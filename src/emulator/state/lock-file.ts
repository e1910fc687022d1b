import { errorCode } from "../data-plane/attempt.ts";
import { loadSystemCalls, type SystemCalls } from "../data-plane/system-calls.ts";

const LOCK_EX = 2;
const LOCK_NB = 4;

/**
 * Locks an open file until it is closed, or this process ends, however it ends. Rejects if another process
 * has it. Where the C library can't be called, which needs Linux and the package koffi, nothing is locked.
 */
export async function lockFile(file: number, path: string): Promise<void> {
  const systemCalls = await systemCallsHere();
  try {
    await systemCalls?.flock(file, LOCK_EX | LOCK_NB);
  } catch (error) {
    if (errorCode(error) !== "EAGAIN") throw error;
    throw new Error(`another emulator uses ${path}: end that one, or choose another folder`, {
      cause: error,
    });
  }
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
