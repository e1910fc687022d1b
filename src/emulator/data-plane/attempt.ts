/** Runs one step of the data plane. Its error says what was tried, on what, and why it failed. */
export async function attempt<Value>(tried: string, step: () => Promise<Value>): Promise<Value> {
  try {
    return await step();
  } catch (cause) {
    throw new Error(
      `data plane: cannot ${tried}: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    );
  }
}

/** The error code (`EBUSY`) of a failed system call, undefined for any other error. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}
