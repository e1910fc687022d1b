import { waitUntil } from "../../../testbed/lab/units/wait-until.ts";
import type { Workloads } from "./workloads.ts";

const GROWN_MAX_MS = 240_000;
const LOOK_EVERY_MS = 200;
const KIB_PER_GIB = 1024 * 1024;

interface ClaimStatus {
  readonly status: {
    readonly capacity?: { readonly storage: string };
    readonly conditions?: readonly { readonly type: string; readonly message?: string }[];
  };
}

/** Requests a larger volume, as a user does. */
export async function patchSize({ kubectl }: Workloads, claim: string, sizeGiB: number): Promise<void> {
  const patch = { spec: { resources: { requests: { storage: `${sizeGiB}Gi` } } } };
  await kubectl(["patch", "pvc", claim, "--type", "merge", "--patch", JSON.stringify(patch)]);
}

/**
 * Waits until a claim has grown, file system included. A mounted ext file system only grows if node
 * plug-ins have CAP_SYS_RESOURCE: otherwise the claim says that its pods must be restarted, which is a
 * valid outcome, too.
 */
export async function untilGrown(
  workloads: Workloads,
  claim: string,
  sizeGiB: number,
): Promise<"done" | "needs a restart of its pods"> {
  const { lab, namespace } = workloads;
  return waitUntil(
    `claim ${claim} to grow to ${sizeGiB} GiB`,
    { timeoutMs: GROWN_MAX_MS, everyMs: LOOK_EVERY_MS },
    async () => {
      const { body } = await lab.request({
        url: `/api/v1/namespaces/${namespace}/persistentvolumeclaims/${claim}`,
        method: "GET",
      });
      const { capacity, conditions = [] } = (body as ClaimStatus).status;
      if (capacity?.storage === `${sizeGiB}Gi`) return "done";
      const isReported = conditions.some(
        ({ type, message }) =>
          type === "NodeResizeError" &&
          message?.includes("it grows before its next mount: delete the pods") === true,
      );
      return isReported ? "needs a restart of its pods" : undefined;
    },
  );
}

/** The size of the mount in a pod, in GiB, rounded, with the file system's own share. */
export async function inGiB(workloads: Workloads, pod: string, path: string): Promise<number> {
  return Math.round(
    Number(await workloads.inPod(pod, `df -k ${path} | tail -n 1 | awk '{print $2}'`)) / KIB_PER_GIB,
  );
}
