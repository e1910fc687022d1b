import type { ProcessSlot } from "../../driver/process-slot.ts";
import type { SimWorld } from "../../world.ts";

/**
 * Asks processes to end in good order. The returned function starts each again once it has ended: a
 * process that is still ending cannot be started.
 */
export function stopForAWhile(world: Pick<SimWorld, "report">, slots: readonly ProcessSlot[]): () => void {
  const stopping = slots.map((slot) => ({ slot, stopped: slot.stop() }));
  return () => {
    for (const { slot, stopped } of stopping) {
      stopped.then(
        () => slot.start(),
        (error: unknown) =>
          world.report({
            invariant: "crashed",
            detail: `${slot.name} did not end in good order: ${String(error)}`,
          }),
      );
    }
  };
}
