import type { Lab } from "../../../testbed/lab/lab.ts";
import { manifestOf } from "../../cluster/workload/volume-manifests.ts";
import { manifestsOfV1 } from "./manifests-of-v1.ts";

const READY_MAX_MS = 240_000;

/** Installs the stand-in for V1 and waits until its pods are ready. */
export async function installV1(lab: Lab): Promise<void> {
  const { rest, workloads } = await manifestsOfV1(lab);
  // Larger than the annotation of a client-side apply.
  await lab.kubectl(["apply", "--server-side", "--force-conflicts", "--filename=-"], {
    input: manifestOf(...rest, ...workloads),
  });
  for (const workload of ["deployment/csi-azuredisk-controller", "daemonset/csi-azuredisk-node"])
    await lab.kubectl(
      ["rollout", "status", "--namespace=kube-system", workload, `--timeout=${READY_MAX_MS}ms`],
      { timeoutMs: 2 * READY_MAX_MS },
    );
}

/**
 * Removes V1's pods, and waits until they are gone; with `everything`, also the objects that a removal of
 * the workloads alone leaves.
 */
export async function removeV1(
  lab: Lab,
  { everything = false }: { readonly everything?: boolean } = {},
): Promise<void> {
  const { rest, workloads } = await manifestsOfV1(lab);
  const input = manifestOf(...workloads, ...(everything ? rest : []));
  await lab.kubectl(["delete", "--ignore-not-found", "--filename=-", `--timeout=${READY_MAX_MS}ms`], {
    input,
    timeoutMs: 2 * READY_MAX_MS,
  });
  const pods = ["--namespace=kube-system", "--selector=app in (csi-azuredisk-controller,csi-azuredisk-node)"];
  await lab.kubectl(["wait", "--for=delete", "pods", ...pods, `--timeout=${READY_MAX_MS}ms`], {
    timeoutMs: 2 * READY_MAX_MS,
  });
}
