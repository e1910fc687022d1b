import { Agent, request } from "node:http";
import { CLAIM_NAMESPACE, NODES, VOLUMES, claimName, isReady, nodeName, nodesOf } from "./cluster.ts";

/** The task of the process that acts as a scheduler. */
export interface ClientTask {
  /** `host:port` of an extender. */
  readonly endpoint: string;
  /** Claims of each pod. */
  readonly volumesPerPod: number;
  /** Pods before the measured ones, while code is not compiled and connections are not open yet. */
  readonly warmUpPods: number;
  /** Pods requested one after the other, filter and then prioritize, as kube-scheduler does. */
  readonly pods: number;
  /** Pods that several schedulers then request at once; 0: none. */
  readonly concurrentPods: number;
  readonly schedulers: number;
}

/** The figures; milliseconds from a request's first byte to its answer's last. */
export interface ClientFigures {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  readonly filterP50Ms: number;
  readonly prioritizeP50Ms: number;
  /** Requests a second, one after the other. */
  readonly perSecond: number;
  /** Requests a second of several schedulers at once. */
  readonly concurrentPerSecond: number;
  readonly concurrentP99Ms: number;
  readonly requestBytes: number;
}

const MS_PER_SECOND = 1000;
/** One answer in so many is read and compared with the expected one. */
const CHECK_EVERY = 20;
/** The order of nodes differs between requests, as a scheduler's does. */
const ROTATIONS = 8;

const tails: readonly Buffer[] = Array.from({ length: ROTATIONS }, (_, rotation) => {
  const names = Array.from({ length: NODES }, (_unused, at) =>
    nodeName((at + (rotation * NODES) / ROTATIONS) % NODES),
  );
  return Buffer.from(`,"Nodes":null,"NodeNames":${JSON.stringify(names)}}`);
});

async function main(task: ClientTask): Promise<void> {
  const [host = "", port = ""] = task.endpoint.split(":");
  const agent = new Agent({ keepAlive: true, maxSockets: task.schedulers });
  let nextPod = 0;
  const ask = (verb: string, pod: number): Promise<string> =>
    call({ agent, host, port: Number(port), path: `/${verb}` }, body(pod, task.volumesPerPod));
  const askAbout = async (filterMs: number[], prioritizeMs: number[]): Promise<void> => {
    const pod = nextPod++;
    filterMs.push(
      await timed(
        () => ask("filter", pod),
        pod % CHECK_EVERY === 0 ? (answer) => checkFilter(answer) : undefined,
      ),
    );
    prioritizeMs.push(
      await timed(
        () => ask("prioritize", pod),
        pod % CHECK_EVERY === 0
          ? (answer) => checkPriorities(answer, volumesOf(pod, task.volumesPerPod))
          : undefined,
      ),
    );
  };

  for (let pod = 0; pod < task.warmUpPods; pod++) await askAbout([], []);
  const filterMs: number[] = [];
  const prioritizeMs: number[] = [];
  const checkedMs = checkingMs;
  const startedMs = performance.now();
  for (let pod = 0; pod < task.pods; pod++) await askAbout(filterMs, prioritizeMs);
  const seconds = (performance.now() - startedMs - (checkingMs - checkedMs)) / MS_PER_SECOND;

  const concurrentMs: number[] = [];
  const concurrentStartedMs = performance.now();
  const end = nextPod + task.concurrentPods;
  await Promise.all(
    Array.from({ length: task.schedulers }, async () => {
      while (nextPod < end) await askAbout(concurrentMs, concurrentMs);
    }),
  );
  const concurrentSeconds = (performance.now() - concurrentStartedMs) / MS_PER_SECOND;
  agent.destroy();

  const all = [...filterMs, ...prioritizeMs];
  const figures: ClientFigures = {
    p50Ms: at(all, 0.5),
    p99Ms: at(all, 0.99),
    maxMs: at(all, 1),
    filterP50Ms: at(filterMs, 0.5),
    prioritizeP50Ms: at(prioritizeMs, 0.5),
    perSecond: all.length / seconds,
    concurrentPerSecond: concurrentMs.length / concurrentSeconds,
    concurrentP99Ms: at(concurrentMs, 0.99),
    requestBytes: body(0, task.volumesPerPod).reduce((bytes, part) => bytes + part.length, 0),
  };
  process.stdout.write(`${JSON.stringify(figures)}\n`);
}

let checkingMs = 0;

async function timed(
  ask: () => Promise<string>,
  check: ((answer: string) => void) | undefined,
): Promise<number> {
  const startedMs = performance.now();
  const answer = await ask();
  const endedMs = performance.now();
  if (check !== undefined) {
    check(answer);
    checkingMs += performance.now() - endedMs;
  }
  return endedMs - startedMs;
}

function call(
  target: { readonly agent: Agent; readonly host: string; readonly port: number; readonly path: string },
  parts: readonly Buffer[],
): Promise<string> {
  const length = parts.reduce((bytes, part) => bytes + part.length, 0);
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        ...target,
        method: "POST",
        headers: { "content-type": "application/json", "content-length": length },
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("end", () => {
          const answer = Buffer.concat(chunks).toString("utf8");
          if (response.statusCode === 200) resolve(answer);
          else
            reject(new Error(`${target.path} was answered ${response.statusCode}: ${answer.slice(0, 500)}`));
        });
      },
    );
    sent.on("error", reject);
    for (const part of parts) sent.write(part);
    sent.end();
  });
}

/** An order of volumes that no cache can profit from. */
function volumesOf(pod: number, count: number): readonly number[] {
  return Array.from({ length: count }, (_, at) => ((pod * count + at) * 6_733) % VOLUMES);
}

/** An ExtenderArgs as kube-scheduler writes it: a pod of 5 KB and the names of all nodes. */
function body(pod: number, volumesPerPod: number): readonly Buffer[] {
  const head = {
    metadata: {
      name: `shop-database-${pod}`,
      namespace: CLAIM_NAMESPACE,
      uid: `00000000-0000-0000-0000-${String(pod).padStart(12, "0")}`,
      labels: {
        app: "shop",
        component: "database",
        "statefulset.kubernetes.io/pod-name": `shop-database-${pod}`,
      },
      managedFields: [
        {
          manager: "kube-controller-manager",
          operation: "Update",
          fieldsType: "FieldsV1",
          fieldsV1: { text: "f".repeat(2_000) },
        },
      ],
    },
    spec: {
      schedulerName: "csi-azuredisk-scheduler-extender",
      containers: [
        {
          name: "database",
          image: "registry/database:1",
          env: Array.from({ length: 30 }, (_, at) => ({ name: `SETTING_${at}`, value: "x".repeat(30) })),
        },
      ],
      volumes: [
        ...volumesOf(pod, volumesPerPod).map((volume) => ({
          name: `data-${volume}`,
          persistentVolumeClaim: { claimName: claimName(volume) },
        })),
        { name: "settings", configMap: { name: "settings" } },
        { name: "kube-api-access", projected: { sources: [{ serviceAccountToken: { path: "token" } }] } },
      ],
    },
  };
  return [Buffer.from(`{"Pod":${JSON.stringify(head)}`), tails[pod % ROTATIONS] ?? Buffer.alloc(0)];
}

function checkFilter(text: string): void {
  const { NodeNames } = JSON.parse(text) as { readonly NodeNames: readonly string[] };
  const ready = Array.from({ length: NODES }, (_, node) => node).filter((node) => isReady(node)).length;
  if (NodeNames.length !== ready)
    throw new Error(`${NodeNames.length} nodes passed, not the ${ready} that are ready`);
}

function checkPriorities(text: string, volumes: readonly number[]): void {
  const priorities = JSON.parse(text) as readonly { readonly Host: string; readonly Score: number }[];
  const best = priorities.filter(({ Score }) => Score > 0).map(({ Host }) => Host);
  const attached = [...new Set(volumes.flatMap(nodesOf))]
    .filter((node) => isReady(node))
    .map((node) => nodeName(node));
  if (priorities.length !== NODES || best.toSorted().join() !== attached.toSorted().join())
    throw new Error(
      `of ${priorities.length} nodes ${best.join(", ")} are preferred, ` +
        `not those with the volume: ${attached.join(", ")}`,
    );
}

function at(values: readonly number[], share: number): number {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[Math.floor(share * (sorted.length - 1))] ?? 0;
}

await main(JSON.parse(process.argv[2] ?? "") as ClientTask);
