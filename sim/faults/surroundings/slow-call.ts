import type { StepName } from "../../../src/ports/steps.ts";
import type { ProcessSlot } from "../../driver/process-slot.ts";
import type { FaultContext } from "../fault-class.ts";

/** Long enough for the step to make its call, in milliseconds: it does so at once. */
const CALLED_MS = 1;

/**
 * Each call to the object store in a step of these processes is under way for `ms`, and takes effect at
 * the beginning or at the end; all their other calls keep their speed. `onStrike` is called each time.
 * Returns how to stop it.
 */
export function slowCallAt(
  { later }: Pick<FaultContext, "later">,
  slots: readonly ProcessSlot[],
  { step, ms }: { readonly step: StepName; readonly ms: number },
  onStrike: () => void = () => undefined,
): () => void {
  const takeBack = new Map<ProcessSlot, () => void>();
  const arm = (slot: ProcessSlot): void => {
    const plan = slot.strikeAt({ step, nth: 1, moment: "before" }, () => {
      slot.store.setWeather({ callDelayMs: [ms, ms] });
      later(CALLED_MS, () => slot.store.clearWeather());
      arm(slot);
      onStrike();
    });
    takeBack.set(slot, plan);
  };
  for (const slot of slots) arm(slot);
  return () => {
    for (const take of takeBack.values()) take();
    for (const { store } of slots) store.clearWeather();
  };
}
