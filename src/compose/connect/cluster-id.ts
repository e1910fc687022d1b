import type { ApiClient } from "../../adapters/kubernetes/api/api-client.ts";
import { grouped, type Values } from "../../cli/options.ts";
import type { Result } from "../../core/failure/result.ts";
import { storedClusterId } from "../../objects/stored-cluster-id.ts";
import type { ObjectStore } from "../../ports/store/object-store.ts";
import type { ProcessPorts } from "../roles/run-role.ts";

/** The cluster that the driver's disks belong to. */
export const clusterIdOptions = grouped("Azure", {
  "cluster-id": {
    kind: "text",
    problem: (value) =>
      value === "" || /^[-A-Za-z0-9_.]{1,63}$/u.test(value)
        ? undefined
        : "expected 1 to 63 letters, digits, or any of - _ .",
    help:
      "Marks this cluster's disks in shared resource groups: 1 to 63 letters, digits, or any of - _ . " +
      "(default: on Kubernetes the uid of namespace kube-system, else made once and kept in the store)",
  },
});

/** Pause between two tries to read the id, in milliseconds. */
const AGAIN_MS = 1_000;

/** The cluster id: as set, or else the cluster's own, which is read with retries. */
export async function clusterIdOf(
  values: Values<typeof clusterIdOptions>,
  parts: { readonly store: ObjectStore; readonly apiClient: ApiClient | undefined },
  { clock, logger, lifetime }: Pick<ProcessPorts, "clock" | "logger" | "lifetime">,
): Promise<string> {
  const given = values.clusterId;
  if (given !== undefined && given !== "") return given;
  for (;;) {
    const read = await (parts.apiClient === undefined
      ? storedClusterId({ ...parts, clock }, lifetime)
      : readFromApi(parts.apiClient, lifetime));
    if (read.ok) return read.value;
    lifetime.throwIfAborted();
    logger.warn("cluster id not read yet", { failure: read.failure });
    await clock.sleep(AGAIN_MS, lifetime);
  }
}

/** Loaded only with Kubernetes. */
async function readFromApi(client: ApiClient, signal: AbortSignal): Promise<Result<string>> {
  const { readClusterId } = await import("../../adapters/kubernetes/read-cluster-id.ts");
  return readClusterId(client, signal);
}
