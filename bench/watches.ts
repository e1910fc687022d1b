import { waitUntil } from "../demo/wait-until.ts";
import { runProgram } from "../scripts/run-program.ts";
import { createKubernetesObjectStore } from "../src/adapters/kubernetes/kubernetes-object-store.ts";
import type { Options, Values } from "../src/cli/options.ts";
import { answerNoRun, refusal } from "../src/cli/read-command-line.ts";
import { type ApiServer, startApiServer, whyNoApiServer } from "../test/kubernetes-store/api-server.ts";
import { rounded } from "./rounded.ts";
import { type Follow, type Followers, startFollowers } from "./watches/followers.ts";
import { createMovedVolume, type MovedVolume, nodeOf } from "./watches/moved-volume.ts";

const USAGE = `npm run bench:watches [-- flags]

What the API server sends to the node plug-ins of a cluster while one volume moves.
Kubernetes' API server with etcd; each node plug-in's cache follows it over connections of its own, once as it
ships, and once with every AzVolume, as before. The volume moves by the steps of the writer record: first to
and fro between two nodes, as with a replica, then each time to a node that never had it. Needs Go.`;

const options = {
  nodes: { kind: "number", default: 50, min: 3, max: 1_000, isWhole: true, help: "Nodes of the cluster" },
  moves: { kind: "number", default: 20, min: 1, max: 1_000, isWhole: true, help: "Moves of each part" },
  json: { kind: "flag", help: "One JSON object instead of a table" },
} as const satisfies Options;

/** A cluster of this size is what the load is stated for. */
const LARGE_CLUSTER_NODES = 5_000;
const RECEIVED_MAX_MS = 60_000;
const KIB = 1024;

/** Both ways to follow the store, in one cluster. */
type Sides = Readonly<Record<Follow, Followers>>;

/** One move, on average. */
interface Moved {
  readonly writes: number;
  /** To all nodes, where each follows every AzVolume. */
  readonly everyKiB: number;
  /** The same where each follows its own. */
  readonly ownKiB: number;
  readonly ratio: number;
  /** The same for 5,000 nodes: each node more receives every event, or none. */
  readonly everyOf5000KiB: number;
  readonly ownOf5000KiB: number;
}

async function main(values: Values<typeof options>): Promise<void> {
  const missing = await whyNoApiServer();
  if (missing !== undefined) {
    process.exitCode = answerNoRun(refusal("npm run bench:watches", [missing]));
    return;
  }
  const { nodes, moves, json } = values;
  const server = await startApiServer((line) => console.error(line));
  try {
    const figures = await measure(server, nodes, moves);
    console.log(json ? JSON.stringify({ nodes, moves, ...figures }) : report(nodes, figures));
  } finally {
    await server.close();
  }
}

async function measure(
  server: ApiServer,
  nodes: number,
  moves: number,
): Promise<{ readonly toReplica: Moved; readonly toNewNode: Moved }> {
  const namespace = await server.newNamespace();
  const volume = await createMovedVolume(createKubernetesObjectStore(server.connect(), namespace));
  await volume.move(undefined, nodeOf(1));
  await volume.move(nodeOf(1), nodeOf(0));
  const names = Array.from({ length: nodes }, (_, index) => nodeOf(index).nodeName);
  const every = await startFollowers(server, namespace, names, "every");
  const own = await startFollowers(server, namespace, names, "own");
  const sides: Sides = { every, own };
  try {
    const toReplica = await measureMoves(sides, volume, moves, (index) => index % 2);
    // Back where it began, if the number of moves is odd.
    if (moves % 2 === 1) await volume.move(nodeOf(1), nodeOf(0));
    const toNewNode = await measureMoves(sides, volume, moves, (index) => index % nodes);
    return { toReplica, toNewNode };
  } finally {
    await every.close();
    await own.close();
  }
}

async function measureMoves(
  sides: Sides,
  volume: MovedVolume,
  moves: number,
  nodeAt: (index: number) => number,
): Promise<Moved> {
  await untilReceived(sides, volume, nodeAt(0));
  const before = { every: sides.every.receivedBytes(), own: sides.own.receivedBytes() };
  let writes = 0;
  for (let index = 1; index <= moves; index++) {
    writes += await volume.move(nodeOf(nodeAt(index - 1)), nodeOf(nodeAt(index)));
    await untilReceived(sides, volume, nodeAt(index));
  }
  const nodes = sides.every.caches.length;
  const everyKiB = (sides.every.receivedBytes() - before.every) / KIB / moves;
  const ownKiB = (sides.own.receivedBytes() - before.own) / KIB / moves;
  return {
    writes: rounded(writes / moves),
    everyKiB: rounded(everyKiB),
    ownKiB: rounded(ownKiB),
    ratio: rounded(everyKiB / ownKiB),
    everyOf5000KiB: Math.round((everyKiB / nodes) * LARGE_CLUSTER_NODES),
    ownOf5000KiB: rounded(ownKiB),
  };
}

/** Every cache has the last version, or, where only its own volumes come, that of the writer's node. */
async function untilReceived({ every, own }: Sides, volume: MovedVolume, writerAt: number): Promise<void> {
  const writers = own.caches.filter((_, index) => index === writerAt);
  await waitUntil("the nodes to have the volume's last version", RECEIVED_MAX_MS, () => {
    const isThere = [...every.caches, ...writers].every((cache) =>
      cache.list("AzVolume").some(({ metadata }) => metadata.resourceVersion === volume.version()),
    );
    return Promise.resolve(isThere ? true : undefined);
  });
}

function report(
  nodes: number,
  { toReplica, toNewNode }: { readonly toReplica: Moved; readonly toNewNode: Moved },
): string {
  const lines = (
    [
      ["to a node with a replica", toReplica],
      ["to a node that never had it", toNewNode],
    ] as const
  ).map(
    ([where, { writes, everyKiB, ownKiB, ratio, everyOf5000KiB, ownOf5000KiB }]) =>
      `${where.padEnd(28)} ${writes} writes; every volume: ${everyKiB} KiB, own volumes: ${ownKiB} KiB, ` +
      `ratio ${ratio}; of ${LARGE_CLUSTER_NODES} nodes: ${everyOf5000KiB} and ${ownOf5000KiB} KiB`,
  );
  return [`one move, sent to the plug-ins of ${nodes} nodes`, ...lines].join("\n");
}

await runProgram({ name: "npm run bench:watches", usage: USAGE, options }, main);
