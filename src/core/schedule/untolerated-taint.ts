import { compareIntegers } from "./matches-labels.ts";
import type { Taint, Toleration } from "./pod-rules.ts";

/**
 * The first taint that keeps a pod off a node; undefined if it tolerates all. `PreferNoSchedule` keeps no
 * pod off. See https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/.
 */
export function untoleratedTaint(
  taints: readonly Taint[],
  tolerations: readonly Toleration[],
): Taint | undefined {
  return taints.find(
    (taint) =>
      (taint.effect === "NoSchedule" || taint.effect === "NoExecute") &&
      !tolerations.some((toleration) => tolerates(toleration, taint)),
  );
}

function tolerates(toleration: Toleration, taint: Taint): boolean {
  if (toleration.effect !== "" && toleration.effect !== taint.effect) return false;
  if (toleration.key !== "" && toleration.key !== taint.key) return false;
  switch (toleration.operator) {
    case "":
    case "Equal":
      return toleration.value === taint.value;
    case "Exists":
      return true;
    // Only clusters with the feature gate TaintTolerationComparisonOperators accept pods with these two.
    case "Lt":
      return compareIntegers(taint.value, toleration.value, (left, right) => left < right);
    case "Gt":
      return compareIntegers(taint.value, toleration.value, (left, right) => left > right);
    default:
      return false;
  }
}
