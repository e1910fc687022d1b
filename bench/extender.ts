import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { EXTENDER_RUNTIME } from "../scripts/build/node-runtime.ts";
import { processorSeconds } from "../scripts/child/processor-seconds.ts";
import { runCommand } from "../scripts/child/run-command.ts";
import { runProgram } from "../scripts/run-program.ts";
import type { Options, Values } from "../src/cli/options.ts";
import { waitUntil } from "../testbed/lab/units/wait-until.ts";
import { type Child, startChild } from "./child.ts";
import type { ApiServerStarted } from "./extender/api-server.ts";
import type { ClientFigures, ClientTask } from "./extender/client.ts";
import { NAMESPACE, NODES, REPLICAS, VOLUMES } from "./extender/cluster.ts";
import type { ListingTask } from "./extender/listing-extender.ts";
import { residentMiB } from "./resident-memory.ts";
import { rounded as roundedTo } from "./rounded.ts";

const USAGE = `npm run bench:extender [-- flags] [part ...]

The scheduler extender beside versions of it that list for each request. The parts, all by default:
ours, scanning, listing.
The bundled role at ${NODES} nodes and ${VOLUMES} volumes, each with a primary and ${REPLICAS} replicas.
Watches keep it up to date, with the heartbeats of all nodes. A client process sends the names of all nodes
for each pod over HTTP on loopback: first /filter, then /prioritize, as kube-scheduler does.
The flags and the environment are those of scripts/build/node-runtime.ts; the environment variable
EXTENDER_FLAGS replaces both.`;
const PARTS = ["ours", "scanning", "listing"];
const options = {
  json: { kind: "flag", help: "One JSON object instead of a table" },
} as const satisfies Options;

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const PROGRAM = join(ROOT, "dist/azuredisk-csi-driver.cjs");
const part = (name: string): string => fileURLToPath(new URL(`extender/${name}.ts`, import.meta.url));
const READY_MAX_MS = 120_000;
const POLL_MS = 50;
const MS_PER_SECOND = 1000;
/** By then the garbage of the first lists is gone. */
const SETTLE_MS = 2_000;
/** How long the cost of watches is measured, without requests. */
const WATCHING_MS = 3_000;

/** The most disks that a VM takes, but for those that the nodes have already. */
const WIDE_PODS_VOLUMES = 60;

const ours: Omit<ClientTask, "endpoint"> = {
  volumesPerPod: 1,
  warmUpPods: 300,
  pods: 1_500,
  concurrentPods: 1_000,
  schedulers: 4,
};
const wide: Omit<ClientTask, "endpoint"> = {
  volumesPerPod: WIDE_PODS_VOLUMES,
  warmUpPods: 50,
  pods: 300,
  concurrentPods: 0,
  schedulers: 1,
};
const scanning: Omit<ClientTask, "endpoint"> = {
  volumesPerPod: 1,
  warmUpPods: 50,
  pods: 200,
  concurrentPods: 0,
  schedulers: 1,
};
const listing: Omit<ClientTask, "endpoint"> = {
  volumesPerPod: 1,
  warmUpPods: 2,
  pods: 10,
  concurrentPods: 0,
  schedulers: 1,
};

async function main(values: Values<typeof options>, words: readonly string[]): Promise<void> {
  const isRequested = (name: string): boolean => words.length === 0 || words.includes(name);
  const built = await runCommand(process.execPath, [join(ROOT, "scripts/build.ts")], { cwd: ROOT });
  if (built.code !== 0) throw new Error(`the bundle could not be built: ${built.output}`);
  const folder = await mkdtemp(join(tmpdir(), "bench-extender-"));
  const apiServer = startChild([part("api-server")]);
  try {
    const started = JSON.parse(await apiServer.line()) as ApiServerStarted;
    const kubeconfig = join(folder, "kubeconfig");
    await writeFile(kubeconfig, JSON.stringify(kubeconfigOf(started)));
    const figures = {
      nodes: NODES,
      volumes: VOLUMES,
      attachments: VOLUMES * (1 + REPLICAS),
      ...(isRequested("ours") ? await measureOurs(kubeconfig) : {}),
      ...(isRequested("scanning") ? await measureScanning(kubeconfig) : {}),
      ...(isRequested("listing") ? await measureListing(kubeconfig) : {}),
      machine: { node: process.version, load: loadavg()[0] },
    };
    console.log(values.json ? JSON.stringify(figures) : report(figures));
  } finally {
    await apiServer.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function measureOurs(kubeconfig: string) {
  const ownFlags = process.env["EXTENDER_FLAGS"];
  const runtime =
    ownFlags === undefined
      ? EXTENDER_RUNTIME
      : { flags: ownFlags.split(" ").filter((flag) => flag !== ""), environment: {} };
  const startedMs = performance.now();
  const settings = [
    "--extender-endpoint=127.0.0.1:0",
    `--kubeconfig=${kubeconfig}`,
    `--namespace=${NAMESPACE}`,
    "--log-level=warn",
  ];
  const extender = startChild(
    [...runtime.flags, PROGRAM, "scheduler-extender", ...settings],
    runtime.environment,
  );
  try {
    const { endpoint } = JSON.parse(await extender.line()) as { readonly endpoint: string };
    await untilReady(endpoint);
    const readyMs = performance.now() - startedMs;
    await sleep(SETTLE_MS);
    const watching = await processorTime(extender.pid, () => sleep(WATCHING_MS));
    const rssIdleMiB = await residentMiB(extender.pid);
    let figures: ClientFigures | undefined;
    const asking = await processorTime(extender.pid, async () => {
      figures = await ask({ endpoint, ...ours });
    });
    if (figures === undefined) throw new Error("nothing was measured");
    const requests = 2 * (ours.warmUpPods + ours.pods + ours.concurrentPods);
    const watchingShare = watching.usedMs / watching.passedMs;
    const rssMiB = await residentMiB(extender.pid);
    const ofWide = await ask({ endpoint, ...wide });
    return {
      p50Ms: rounded(figures.p50Ms),
      p99Ms: rounded(figures.p99Ms),
      maxMs: rounded(figures.maxMs),
      filterP50Ms: rounded(figures.filterP50Ms),
      prioritizeP50Ms: rounded(figures.prioritizeP50Ms),
      perSecond: Math.round(figures.perSecond),
      concurrentPerSecond: Math.round(figures.concurrentPerSecond),
      concurrentP99Ms: rounded(figures.concurrentP99Ms),
      cpuMsPerRequest: rounded((asking.usedMs - asking.passedMs * watchingShare) / requests),
      watchCpuPercent: rounded(100 * watchingShare),
      requestKB: Math.round(figures.requestBytes / 1000),
      rssMiB: rounded(rssMiB),
      rssIdleMiB: rounded(rssIdleMiB),
      readyMs: Math.round(readyMs),
      wideFilterP50Ms: rounded(ofWide.filterP50Ms),
      wideP99Ms: rounded(ofWide.p99Ms),
    };
  } finally {
    await extender.stop();
  }
}

async function measureScanning(kubeconfig: string) {
  const { p50Ms, prioritizeP50Ms } = await askLister({ kubeconfig, from: "memory" }, scanning);
  return { scanningP50Ms: rounded(p50Ms), scanningPrioritizeP50Ms: rounded(prioritizeP50Ms) };
}

async function measureListing(kubeconfig: string) {
  const { p50Ms, filterP50Ms, prioritizeP50Ms } = await askLister({ kubeconfig, from: "api" }, listing);
  return {
    listingP50Ms: rounded(p50Ms),
    listingFilterP50Ms: rounded(filterP50Ms),
    listingPrioritizeP50Ms: rounded(prioritizeP50Ms),
  };
}

async function askLister(task: ListingTask, pods: Omit<ClientTask, "endpoint">): Promise<ClientFigures> {
  const extender: Child = startChild([part("listing-extender"), JSON.stringify(task)]);
  try {
    const { endpoint } = JSON.parse(await extender.line()) as { readonly endpoint: string };
    return await ask({ endpoint, ...pods });
  } finally {
    await extender.stop();
  }
}

async function ask(task: ClientTask): Promise<ClientFigures> {
  const client = startChild([part("client"), JSON.stringify(task)]);
  try {
    return JSON.parse(await client.line()) as ClientFigures;
  } finally {
    await client.stop();
  }
}

/**
 * The processor time that a process uses during `work`. A busy machine changes it less than it changes
 * durations.
 */
async function processorTime(
  pid: number,
  proceed: () => Promise<void>,
): Promise<{ readonly usedMs: number; readonly passedMs: number }> {
  const startedMs = performance.now();
  const before = await processorSeconds(pid);
  await proceed();
  const usedMs = ((await processorSeconds(pid)) - before) * MS_PER_SECOND;
  return { usedMs, passedMs: performance.now() - startedMs };
}

function rounded(value: number): number {
  return roundedTo(value, 2);
}

async function untilReady(endpoint: string): Promise<void> {
  await waitUntil("the extender to be ready", { timeoutMs: READY_MAX_MS, everyMs: POLL_MS }, async (note) => {
    const answer = await fetch(`http://${endpoint}/readyz`);
    note(await answer.text());
    return answer.ok || undefined;
  });
}

function kubeconfigOf({ port, caPem }: ApiServerStarted): object {
  return {
    clusters: [
      {
        name: "bench",
        cluster: {
          server: `https://127.0.0.1:${port}`,
          "certificate-authority-data": Buffer.from(caPem).toString("base64"),
        },
      },
    ],
    users: [{ name: "bench", user: { token: "bench" } }],
    contexts: [{ name: "bench", context: { cluster: "bench", user: "bench" } }],
    "current-context": "bench",
  };
}

function report(figures: Readonly<Record<string, number | object>>): string {
  const of = (key: string): string => JSON.stringify(figures[key] ?? "not measured");
  const line = (what: string, value: string): string => `${what.padEnd(64)} ${value}`;
  return [
    `${of("nodes")} nodes, ${of("volumes")} volumes, ${of("attachments")} attachments; a request names ` +
      `all nodes and has ${of("requestKB")} kB`,
    line(
      "a request, one after the other: p50, p99, most",
      `${of("p50Ms")} ms, ${of("p99Ms")} ms, ${of("maxMs")} ms`,
    ),
    line("requests a second", of("perSecond")),
    line(
      `of a pod with ${WIDE_PODS_VOLUMES} volumes: filter p50; p99 of all`,
      `${of("wideFilterP50Ms")} ms, ${of("wideP99Ms")} ms`,
    ),
    line(
      "four schedulers at once: requests a second, p99",
      `${of("concurrentPerSecond")}, ${of("concurrentP99Ms")} ms`,
    ),
    line(
      "processor time of a request; of the watches, with all heartbeats",
      `${of("cpuMsPerRequest")} ms, ${of("watchCpuPercent")} %`,
    ),
    line("resident memory: idle, after the requests", `${of("rssIdleMiB")} MiB, ${of("rssMiB")} MiB`),
    line("from start to ready, everything listed", `${of("readyMs")} ms`),
    line(
      "going through all objects in memory for each request: p50",
      `${of("scanningP50Ms")} ms (prioritize ${of("scanningPrioritizeP50Ms")} ms)`,
    ),
    line(
      "listing through the API for each request: p50",
      `${of("listingP50Ms")} ms (filter ${of("listingFilterP50Ms")} ms, prioritize ` +
        `${of("listingPrioritizeP50Ms")} ms)`,
    ),
  ].join("\n");
}

await runProgram({ name: "npm run bench:extender", usage: USAGE, options, words: PARTS }, main);
