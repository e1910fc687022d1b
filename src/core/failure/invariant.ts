/**
 * A broken assumption of the driver's own: a bug, never the user's doing. Only reconcile loops, the
 * RPC funnel and `tryEach` catch it.
 */
export class InvariantViolation extends Error {
  override readonly name = "InvariantViolation";
}

/** Throws `InvariantViolation` with `message` unless `condition` holds. */
export function invariant(condition: boolean, message: string): asserts condition {
  if (!condition) throw new InvariantViolation(message);
}

/** Marks a branch that the type system proves empty; throws `InvariantViolation` if it is reached. */
export function unreachable(value: never): never {
  throw new InvariantViolation(`unreachable: ${JSON.stringify(value)}`);
}
