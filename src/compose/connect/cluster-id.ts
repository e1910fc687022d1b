import type { ApiClient } from "../../adapters/kubernetes/api/api-client.ts";
import { grouped, type Values } from "../../cli/options.ts";
import { CLUSTER_ID_PATTERN } from "../../core/volume/tags/cluster-id.ts";
import { storedClusterId } from "../../objects/stored-cluster-id.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Logger } from "../../ports/logger.ts";
import type { ObjectStore } from "../../ports/store/object-store.ts";

/** The cluster that the driver's disks belong to. */
export const clusterIdOptions = grouped("Azure", {
  "cluster-id": {
    kind: "text",
    problem: (value) =>
      value === "" || CLUSTER_ID_PATTERN.test(value)
        ? undefined
        : "expected 1 to 63 letters, digits, or any of - _ .",
    help:
      "Marks this cluster's disks in shared resource groups: 1 to 63 letters, digits, or any of - _ . " +
      "(default: on Kubernetes the uid of namespace kube-system, else made once and kept in the store)",
  },
});

/** Pause between two tries to read the id, in milliseconds. */
const AGAIN_MS = 1_000;

/**
 * The cluster id: as set, or else the cluster's own, which is read with retries.
 */
export async function clusterIdOf(
  values: Values<typeof clusterIdOptions>,
  parts: {
    readonly store: ObjectStore;
    readonly apiClient: ApiClient | undefined;
    readonly clock: Clock;
    readonly logger: Logger;
  },
  signal: AbortSignal,
): Promise<string> {
  const given = values.clusterId;
  if (given !== undefined && given !== "") return given;
  const { apiClient, clock, logger } = parts;
  const readFromApi =
    apiClient === undefined
      ? undefined
      : (await import("../../adapters/kubernetes/read-cluster-id.ts")).readClusterId;
  for (;;) {
    const read =
      apiClient === undefined || readFromApi === undefined
        ? await storedClusterId(parts, signal)
        : await readFromApi(apiClient, signal);
    if (read.ok) return read.value;
    signal.throwIfAborted();
    logger.warn("cluster id not read yet", { failure: read.failure });
    await clock.sleep(AGAIN_MS, signal);
  }
}
