/** The lifetime of something that others may end, and that ends with what it runs on. */
export interface Lifetime {
  readonly signal: AbortSignal;
  end(reason: Error): void;
}

/** A lifetime that ends with the first of `parents`, for the same reason. */
export function createLifetime(...parents: readonly AbortSignal[]): Lifetime {
  const controller = new AbortController();
  const listeners = parents.map((parent) => ({ parent, listener: () => end(parent.reason) }));

  function end(reason: unknown): void {
    for (const { parent, listener } of listeners) parent.removeEventListener("abort", listener);
    controller.abort(reason);
  }

  for (const { parent, listener } of listeners) parent.addEventListener("abort", listener, { once: true });
  const over = parents.find((parent) => parent.aborted);
  if (over !== undefined) end(over.reason);
  return { signal: controller.signal, end };
}
