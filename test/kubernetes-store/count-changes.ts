import { createInterface } from "node:readline";
import { connectApiServer } from "../../src/adapters/kubernetes/api/connect-api-server.ts";
import { readKubeconfig } from "../../src/adapters/kubernetes/api/read-kubeconfig.ts";
import { createKubernetesObjectStore } from "../../src/adapters/kubernetes/kubernetes-object-store.ts";
import { systemClock } from "../../src/adapters/system/system-clock.ts";
import { systemRandom } from "../../src/adapters/system/system-random.ts";
import { createObjectCache } from "../../src/objects/cache/object-cache.ts";
import type { Logger } from "../../src/ports/logger.ts";

const silent: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silent,
};

/**
 * Follows the driver's three kinds in a namespace, and reports once it has listed them. For each line on
 * its standard input it prints how many changes it has received.
 */
async function main(kubeconfig: string, namespace: string): Promise<void> {
  const config = await readKubeconfig(kubeconfig);
  if (!config.ok) throw new Error(config.failure.problem);
  const client = connectApiServer({
    config: config.value,
    userAgent: "count-changes",
    clock: systemClock,
    random: systemRandom,
  });
  const store = createKubernetesObjectStore(client, namespace);
  const kinds = ["AzVolume", "AzVolumeAttachment", "AzDriverNode"] as const;
  const cache = createObjectCache({ store, clock: systemClock, random: systemRandom, logger: silent, kinds });
  const stop = new AbortController();
  let changes = 0;
  cache.onChange(() => changes++);
  const beganMs = performance.now();
  const running = cache.run(stop.signal);
  await cache.untilSynced(stop.signal);
  console.log(`synced ${Math.round(performance.now() - beganMs)}`);
  for await (const _line of createInterface({ input: process.stdin })) console.log(`changes ${changes}`);
  stop.abort();
  await running;
  client.close();
}

const [kubeconfig = "", namespace = ""] = process.argv.slice(2);
main(kubeconfig, namespace).catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
