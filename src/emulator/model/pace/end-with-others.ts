import type { ArmFailure } from "../api/errors.ts";
import type { World } from "../world.ts";
import { preemptOperation, rescheduleOperation, whenEnded } from "./operations.ts";

/**
 * Ends an operation of no time of its own with the last of others, in whichever way they end: Failed, with
 * the first error of one of them, or as it would have ended by itself.
 */
export function endWithOthers(world: World, operationId: string, others: readonly string[]): void {
  let left = others.length;
  let error: ArmFailure | undefined;
  const end = (): void => {
    if (error === undefined) rescheduleOperation(world, operationId, 0);
    else if (world.operations.get(operationId)?.ending.kind !== "Stuck")
      preemptOperation(world, operationId, error, "Failed");
  };
  if (left === 0) end();
  for (const other of others)
    whenEnded(world, other, (ended) => {
      error ??= ended.error;
      left -= 1;
      if (left === 0) end();
    });
}
