import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { connectApiServer } from "../../src/adapters/kubernetes/api/connect-api-server.ts";
import { listPages } from "../../src/adapters/kubernetes/api/list-pages.ts";
import { readKubeconfig } from "../../src/adapters/kubernetes/api/read-kubeconfig.ts";
import { createPinoLogger } from "../../src/adapters/observe/pino-logger.ts";
import { systemClock } from "../../src/adapters/system/system-clock.ts";
import { systemRandom } from "../../src/adapters/system/system-random.ts";
import { allCaches } from "../../src/compose/connect/all-caches.ts";
import { createExtenderCaches } from "../../src/compose/connect/extender-caches.ts";
import type { AzDriverNode } from "../../src/core/api/az-driver-node.ts";
import type { AzVolumeAttachment } from "../../src/core/api/az-volume-attachment.ts";
import type { Removal } from "../../src/core/schedule/filter-nodes.ts";
import {
  readExtenderArgs,
  writeFilterResult,
  writeHostPriorities,
} from "../../src/scheduler-extender/extender-wire.ts";
import { volumeReferences } from "../../src/scheduler-extender/pod-request.ts";
import { NAMESPACE } from "./cluster.ts";

/** The settings of the version that lists. */
export interface ListingTask {
  readonly kubeconfig: string;
  /**
   * `api`: lists through the API for each request, as the first releases of V2 did. `memory`: walks all
   * cached objects for each request, as the last releases do.
   */
  readonly from: "api" | "memory";
}

/** The objects from which both kinds of listing answer. */
interface Lists {
  nodes(): Promise<readonly Pick<AzDriverNode, "metadata" | "spec" | "status">[]>;
  attachments(): Promise<readonly Pick<AzVolumeAttachment, "metadata" | "spec" | "status">[]>;
}

const OWN = `/apis/disk.csi.azure.com/v1/namespaces/${NAMESPACE}`;
const POLL_MS = 20;
const never = new AbortController().signal;

/**
 * Answers the same requests by listing AzDriverNodes and AzVolumeAttachments for each. Everything apart
 * from listing is ours on both sides: runtime, HTTP server, API client, wire, the lookup from claims to
 * disks. The rules are the V2 original's: readiness filters, attachments score.
 */
async function main(task: ListingTask): Promise<void> {
  const config = await readKubeconfig(task.kubeconfig);
  if (!config.ok) throw new Error(JSON.stringify(config.failure));
  const ports = {
    clock: systemClock,
    random: systemRandom,
    logger: createPinoLogger({ level: "error", fields: { role: "listing" } }),
  };
  const client = connectApiServer({ config: config.value, userAgent: "listing-extender", ...ports });
  const caches = createExtenderCaches(
    client,
    { namespace: NAMESPACE, driverName: "disk.csi.azure.com" },
    ports,
  );
  const lists = task.from === "api" ? listsOfApi(client) : listsOfMemory(caches);
  const { run, whyNotSynced } = allCaches({ ...caches });
  const running = run(never);
  while (whyNotSynced() !== undefined) await sleep(POLL_MS);

  const answer = async (verb: string, body: string): Promise<string> => {
    const read = readExtenderArgs(body);
    if (!read.ok) throw new Error(read.failure);
    const { pod, nodeNames } = read.value;
    const diskKeys = new Set<string>();
    for (const reference of volumeReferences(pod)) {
      const claim = reference.kind === "claim" ? caches.claims.get(reference.claimKey) : undefined;
      const diskKey = caches.persistentVolumes.get(claim?.volumeName ?? "")?.diskKey ?? "";
      if (diskKey !== "") diskKeys.add(diskKey);
    }
    const isReady = new Map(
      (await lists.nodes()).map((node) => [
        node.spec.nodeName,
        node.status?.readyForVolumeAllocation === true,
      ]),
    );
    if (verb === "filter") {
      const removed = nodeNames.flatMap((name, place): readonly (readonly [number, Removal])[] =>
        isReady.get(name) === false ? [[place, "not-ready"]] : [],
      );
      return writeFilterResult(read.value, new Map(removed));
    }
    const scores = new Map<string, number>();
    for (const { spec, status } of await lists.attachments()) {
      if (
        diskKeys.has(spec.volumeId.toLowerCase()) &&
        status?.state === "Attached" &&
        isReady.get(spec.nodeName) === true
      )
        scores.set(spec.nodeName, 10);
    }
    return writeHostPriorities(nodeNames, scores);
  };

  const server = createServer((request, response) => {
    text(request)
      .then((body) => answer((request.url ?? "/").slice(1), body))
      .then((body) => {
        const length = Buffer.byteLength(body);
        response.writeHead(200, { "content-type": "application/json", "content-length": length });
        response.end(body);
      })
      .catch((error: unknown) => {
        response.writeHead(500);
        response.end(String(error));
      });
  });
  server.keepAliveTimeout = 0;
  server.listen(0, "127.0.0.1", () => {
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    process.stdout.write(`${JSON.stringify({ endpoint: `127.0.0.1:${port}` })}\n`);
  });
  process.once("SIGTERM", () => process.exit(0));
  await running;
}

function listsOfApi(client: ReturnType<typeof connectApiServer>): Lists {
  const list = async <T>(plural: string): Promise<readonly T[]> => {
    const listed = await listPages(client, { path: `${OWN}/${plural}` }, (item) => item as T, never);
    if (!listed.ok) throw new Error(JSON.stringify(listed.failure));
    return listed.value.items;
  };
  return { nodes: () => list("azdrivernodes"), attachments: () => list("azvolumeattachments") };
}

/** Copies all cached objects into a list each time, as an informer's lister does. */
function listsOfMemory({ nodes, attachments }: ReturnType<typeof createExtenderCaches>): Lists {
  const knownNodes = new Map<string, Pick<AzDriverNode, "metadata" | "spec" | "status">>();
  const knownAttachments = new Map<string, Pick<AzVolumeAttachment, "metadata" | "spec" | "status">>();
  nodes.onChange(({ key, current }) => {
    if (current === undefined) knownNodes.delete(key);
    else
      knownNodes.set(key, {
        spec: { nodeName: key },
        status: { readyForVolumeAllocation: current.isReady },
      } as AzDriverNode);
  });
  attachments.onChange(({ key, current }) => {
    if (current === undefined) knownAttachments.delete(key);
    else
      knownAttachments.set(key, {
        spec: { volumeId: current.diskKey, nodeName: current.nodeName },
        status: { state: current.isAttached ? "Attached" : "Pending" },
      } as AzVolumeAttachment);
  });
  return {
    nodes: () => Promise.resolve([...knownNodes.values()]),
    attachments: () => Promise.resolve([...knownAttachments.values()]),
  };
}

await main(JSON.parse(process.argv[2] ?? "") as ListingTask);
