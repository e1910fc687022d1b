import type { ApiClient } from "../../adapters/kubernetes/api/api-client.ts";
import { CLUSTER_ID_PATTERN } from "../../core/volume/cluster-id.ts";
import { storedClusterId } from "../../objects/stored-cluster-id.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Logger } from "../../ports/logger.ts";
import type { ObjectStore } from "../../ports/store/object-store.ts";
import type { Options, Values } from "../settings/options.ts";

/** The cluster that the driver's disks belong to. */
export const clusterIdOptions = {
  "cluster-id": {
    kind: "text",
    help:
      "Marks this cluster's disks in shared resource groups: 1 to 63 letters, digits, or any of - _ . " +
      "(default: on Kubernetes the uid of namespace kube-system, else made once and kept in the store)",
  },
} as const satisfies Options;

/** Pause between two tries to read the id, in milliseconds. */
const AGAIN_MS = 1_000;

/**
 * The cluster id: as set, or else the cluster's own, which is read with retries. Throws with a sentence
 * if the given id is not allowed.
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
  const given = values["cluster-id"];
  if (given !== undefined && given !== "") {
    if (CLUSTER_ID_PATTERN.test(given)) return given;
    throw new Error(
      `--cluster-id is ${JSON.stringify(given)}: it must be 1 to 63 letters, digits, or any of - _ .`,
    );
  }
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
