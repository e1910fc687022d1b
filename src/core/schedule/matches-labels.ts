import type { Labels, Requirement } from "./pod-rules.ts";

/**
 * Whether labels meet every requirement. `NotIn` also holds where the label is missing; `Gt` and `Lt`
 * compare integers, and hold for nothing else. As
 * https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors and, for `Gt`
 * and `Lt`, https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/#operators have it.
 */
export function matchesLabels(labels: Labels, requirements: readonly Requirement[]): boolean {
  return requirements.every((requirement) => matchesRequirement(labels, requirement));
}

function matchesRequirement(labels: Labels, { key, operator, values }: Requirement): boolean {
  const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
  switch (operator) {
    case "In":
      return value !== undefined && values.includes(value);
    case "NotIn":
      return value === undefined || !values.includes(value);
    case "Exists":
      return value !== undefined;
    case "DoesNotExist":
      return value === undefined;
    case "Gt":
      return compareIntegers(value, values[0], (left, right) => left > right);
    case "Lt":
      return compareIntegers(value, values[0], (left, right) => left < right);
    default:
      // An operator of a later Kubernetes: an unknown one is not met.
      return false;
  }
}

/** Whether both are integers in that relation. */
export function compareIntegers(
  left: string | undefined,
  right: string | undefined,
  holds: (left: bigint, right: bigint) => boolean,
): boolean {
  if (left === undefined || right === undefined || !INTEGER.test(left) || !INTEGER.test(right)) return false;
  return holds(BigInt(left), BigInt(right));
}

const INTEGER = /^-?\d+$/u;
