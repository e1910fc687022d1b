import { kubernetesOfTests } from "../../testbed/parts/build-kubernetes.ts";

/**
 * Why a test of `what`, which Kubernetes has since version `since`, can't run on the older one that
 * AZUREDISK_KUBERNETES names; undefined if it can.
 */
export function reasonAgainstKubernetes(
  since: string,
  what: string,
  older: string | undefined = kubernetesOfTests(),
): string | undefined {
  if (older === undefined || minorOf(older) >= minorOf(since)) return undefined;
  return `Kubernetes ${older} has no ${what}: ${since} and newer have`;
}

function minorOf(version: string): number {
  return Number(version.split(".")[1]);
}
