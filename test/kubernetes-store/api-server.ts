import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { findCommand } from "../../scripts/child/find-command.ts";
import { runCommand } from "../../scripts/child/run-command.ts";
import type { CommandOutcome } from "../../scripts/child/run-command.ts";
import type { ApiClient } from "../../src/adapters/kubernetes/api/api-client.ts";
import type { ApiServerConfig } from "../../src/adapters/kubernetes/api/api-server-config.ts";
import { connectApiServer } from "../../src/adapters/kubernetes/api/connect-api-server.ts";
import type { ConnectApiServerOptions } from "../../src/adapters/kubernetes/api/connect-api-server.ts";
import { readKubeconfig } from "../../src/adapters/kubernetes/api/read-kubeconfig.ts";
import { systemClock } from "../../src/adapters/system/system-clock.ts";
import { systemRandom } from "../../src/adapters/system/system-random.ts";
import { buildOnce } from "../../testbed/build/build-once.ts";
import { kubeconfig } from "../../testbed/lab/cluster/kubeconfig.ts";
import { createLabPki } from "../../testbed/lab/cluster/lab-pki.ts";
import { freezeProcess } from "../../testbed/lab/units/freeze-process.ts";
import { waitUntil } from "../../testbed/lab/units/wait-until.ts";
import { buildKubernetes, kubernetesOfTests } from "../../testbed/parts/build-kubernetes.ts";
import { freePorts } from "../../testbed/ports/free-ports.ts";

/** A first start may have to build Kubernetes from its sources: about six minutes on two cores. */
export const FIRST_START_TIMEOUT_MS = 1_500_000;
const READY_MAX_MS = 300_000;
/** No client repeats a write: a busy API server may take long for it. */
const REQUEST_TIMEOUT_MS = 60_000;
const LOG_TAIL_LINES = 15;
/** Of one transaction: etcd's default. */
const ETCD_WRITES_MAX = 128;
const CRDS = fileURLToPath(new URL("../../deploy/crds", import.meta.url));
const LOOPBACK = "127.0.0.1";

/** A program that can be stopped, frozen and restarted. */
interface Program {
  start(): void;
  /** kill -9, and waits for its end. */
  kill(): Promise<void>;
  freeze(): Promise<void>;
  thaw(): void;
  isRunning(): boolean;
  logTail(): Promise<string>;
}

/**
 * Kubernetes' own API server with its own etcd, on loopback, with the driver's resource definitions and
 * nothing else of a cluster.
 */
export interface ApiServer {
  /** An administrator's client. */
  readonly kubeconfigFile: string;
  readonly config: ApiServerConfig;
  /** kubectl's output when it created the definitions: empty if they are valid. */
  readonly crdWarnings: string;
  /** The file of a program of the same version, to be started by a link of its name. */
  programFile(name: string): string;
  connect(options?: Partial<ConnectApiServerOptions>): ApiClient;
  kubectl(...args: readonly string[]): Promise<CommandOutcome>;
  /** Creates an empty namespace with a new name, and returns it. */
  newNamespace(): Promise<string>;
  /** kill -9 of the API server; etcd continues. */
  kill(): Promise<void>;
  /** Restarts it, and waits until it is ready. */
  start(): Promise<void>;
  /** Once it has answered, the API server answers nothing. */
  freeze(): Promise<void>;
  thaw(): void;
  /** Compacts every change so far in etcd. */
  compactEtcd(): Promise<void>;
  /** Writes copies of a stored object into etcd, each with another name and uid: thousands in seconds. */
  copyObject(
    original: { readonly path: string; readonly name: string; readonly uid: string },
    names: readonly string[],
  ): Promise<void>;
  /**
   * Copies etcd's data, and returns a function that restores it: with both programs killed, as a backup is
   * restored.
   */
  backUpEtcd(): Promise<() => Promise<void>>;
  /** Stops everything, and removes every trace. */
  close(): Promise<void>;
}

/** Why no API server can run here; undefined if it can. */
export async function whyNoApiServer(): Promise<string | undefined> {
  if ((await findCommand("go")) === undefined)
    return "needs Go: Kubernetes' API server and etcd are built from their sources";
  return (await findCommand("setpriv")) === undefined
    ? "needs setpriv (util-linux): etcd and the API server must not outlive the test"
    : undefined;
}

/**
 * Builds what is missing in the cache, and starts it. AZUREDISK_KUBERNETES names an older version.
 * `definitions`: the folder of the resource definitions; ours by default.
 */
export async function startApiServer(
  onProgress: (line: string) => void,
  definitions: string = CRDS,
): Promise<ApiServer> {
  const never = new AbortController().signal;
  const { programs } = await buildKubernetes(
    (part) => buildOnce(part, onProgress, never),
    kubernetesOfTests(),
  );
  const folder = await mkdtemp(join(tmpdir(), "kubernetes-store-"));
  const closing: (() => Promise<void>)[] = [() => rm(folder, { recursive: true, force: true })];
  const close = async (): Promise<void> => {
    for (const step of closing.splice(0).toReversed()) await step();
  };
  try {
    return await startIn({ folder, programs, definitions }, closing, close);
  } catch (error) {
    await close();
    throw error;
  }
}

async function startIn(
  {
    folder,
    programs,
    definitions,
  }: {
    readonly folder: string;
    readonly programs: ReadonlyMap<string, string>;
    readonly definitions: string;
  },
  closing: (() => Promise<void>)[],
  close: () => Promise<void>,
): Promise<ApiServer> {
  const path = (...parts: readonly string[]): string => join(folder, ...parts);
  await mkdir(path("bin"));
  const programFile = (name: string): string => {
    const file = programs.get(name);
    if (file === undefined) throw new Error(`Kubernetes has no program ${name}`);
    return file;
  };
  for (const name of ["etcd", "kube-apiserver"]) await symlink(programFile(name), path("bin", name));
  await createLabPki(path("pki"), [
    { file: "server", subject: "CN=kube-apiserver", addresses: [LOOPBACK], dnsNames: ["localhost"] },
    { file: "admin", subject: "CN=admin,O=system:masters" },
  ]);
  const [etcdClients = 0, etcdPeers = 0, secure = 0] = await freePorts(3);
  const etcdUrl = `http://${LOOPBACK}:${etcdClients}`;
  const url = `https://${LOOPBACK}:${secure}`;

  const etcd = program(path("bin", "etcd"), path("etcd.log"), [
    "--name=test",
    `--data-dir=${path("etcd")}`,
    // A power failure of this machine is not tested here.
    "--unsafe-no-fsync",
    `--listen-client-urls=${etcdUrl}`,
    `--advertise-client-urls=${etcdUrl}`,
    `--listen-peer-urls=http://${LOOPBACK}:${etcdPeers}`,
    `--initial-advertise-peer-urls=http://${LOOPBACK}:${etcdPeers}`,
    // As kubeadm sets it, but faster: without it, the API server sends no bookmarks for unchanged
    // resources.
    "--watch-progress-notify-interval=1s",
    `--initial-cluster=test=http://${LOOPBACK}:${etcdPeers}`,
    "--log-level=warn",
  ]);
  const apiServer = program(path("bin", "kube-apiserver"), path("kube-apiserver.log"), [
    `--etcd-servers=${etcdUrl}`,
    // Only the tests compact.
    "--etcd-compaction-interval=0",
    `--bind-address=${LOOPBACK}`,
    `--advertise-address=${LOOPBACK}`,
    `--secure-port=${secure}`,
    "--endpoint-reconciler-type=none",
    `--tls-cert-file=${path("pki", "server.crt")}`,
    `--tls-private-key-file=${path("pki", "server.key")}`,
    `--client-ca-file=${path("pki", "ca.crt")}`,
    "--service-account-issuer=https://kubernetes.default.svc",
    `--service-account-key-file=${path("pki", "sa.pub")}`,
    `--service-account-signing-key-file=${path("pki", "sa.key")}`,
    "--service-cluster-ip-range=10.96.0.0/16",
    "--authorization-mode=RBAC",
    // As every distribution sets it: node plug-ins are privileged.
    "--allow-privileged=true",
    "--profiling=false",
  ]);
  closing.push(async () => {
    await apiServer.kill();
    await etcd.kill();
  });

  const kubeconfigFile = path("admin.kubeconfig");
  const pem = (file: string): Promise<string> => readFile(path("pki", file), "utf8");
  await writeFile(
    kubeconfigFile,
    kubeconfig({
      server: url,
      clusterName: "test",
      ca: await pem("ca.crt"),
      certificate: await pem("admin.crt"),
      key: await pem("admin.key"),
    }),
    { mode: 0o600 },
  );
  const config = await readKubeconfig(kubeconfigFile);
  if (!config.ok) throw new Error(JSON.stringify(config.failure));

  const never = new AbortController().signal;
  const clients: ApiClient[] = [];
  closing.push(async () => {
    for (const client of clients) client.close();
  });
  const connect = (options: Partial<ConnectApiServerOptions> = {}): ApiClient => {
    const client = connectApiServer({
      config: config.value,
      userAgent: "kubernetes-store-test",
      clock: systemClock,
      random: systemRandom,
      requestTimeoutMs: REQUEST_TIMEOUT_MS,
      ...options,
    });
    clients.push(client);
    return client;
  };
  const probe = connect({ requestTimeoutMs: 10_000 });
  const administrator = connect();
  const untilReady = async (): Promise<void> => {
    try {
      await waitUntil("the API server to be ready", { timeoutMs: READY_MAX_MS }, async () => {
        const ended = [etcd, apiServer].find((started) => !started.isRunning());
        if (ended !== undefined) throw new Error("a program has ended");
        const answer = await probe.call({ method: "GET", path: "/readyz" }, never);
        return answer.ok && answer.value.code === 200 ? true : undefined;
      });
    } catch (error) {
      throw new Error(
        `etcd says\n${await etcd.logTail()}\nthe API server says\n${await apiServer.logTail()}`,
        { cause: error },
      );
    }
  };
  const kubectl = (...args: readonly string[]): Promise<CommandOutcome> =>
    // Its caches must not outlive the test.
    runCommand(
      programFile("kubectl"),
      [`--kubeconfig=${kubeconfigFile}`, `--cache-dir=${path("kubectl-cache")}`, ...args],
      { cwd: folder },
    );
  const mustKubectl = async (...args: readonly string[]): Promise<string> => {
    const { code, output } = await kubectl(...args);
    if (code !== 0) throw new Error(`kubectl ${args.join(" ")}: ${output}`);
    return output;
  };

  etcd.start();
  apiServer.start();
  await untilReady();
  const applied = await mustKubectl("apply", "-f", definitions);
  await mustKubectl("wait", "--for=condition=established", "--timeout=300s", "crd", "--all");
  let namespaces = 0;
  return {
    kubeconfigFile,
    config: config.value,
    crdWarnings: applied
      .split("\n")
      .filter((line) => line !== "" && !/^customresourcedefinition\S* created$/u.test(line))
      .join("\n"),
    programFile,
    connect,
    kubectl,
    newNamespace: async () => {
      const name = `store-${++namespaces}`;
      const made = await administrator.call(
        { method: "POST", path: "/api/v1/namespaces", body: { metadata: { name } } },
        never,
      );
      if (!made.ok || made.value.code !== 201) throw new Error(JSON.stringify(made));
      return name;
    },
    kill: () => apiServer.kill(),
    start: async () => {
      apiServer.start();
      await untilReady();
    },
    freeze: () => apiServer.freeze(),
    thaw: () => apiServer.thaw(),
    compactEtcd: async () => {
      const { header } = (await etcdCall(etcdUrl, "kv/range", { key: base64("none") })) as {
        readonly header: { readonly revision: string };
      };
      await etcdCall(etcdUrl, "kv/compaction", { revision: header.revision, physical: true });
    },
    copyObject: async ({ path: objectPath, name, uid }, names) => {
      const key = `/registry/${objectPath}/${name}`;
      const { kvs } = (await etcdCall(etcdUrl, "kv/range", { key: base64(key) })) as {
        readonly kvs?: readonly { readonly value: string }[];
      };
      const stored = Buffer.from(kvs?.[0]?.value ?? "", "base64").toString("utf8");
      if (!stored.includes(uid)) throw new Error(`etcd has nothing at ${key}`);
      for (let first = 0; first < names.length; first += ETCD_WRITES_MAX) {
        const puts = names.slice(first, first + ETCD_WRITES_MAX).map((copy) => ({
          requestPut: {
            key: base64(`/registry/${objectPath}/${copy}`),
            value: base64(stored.replaceAll(`"${name}"`, `"${copy}"`).replaceAll(uid, systemRandom.uuid())),
          },
        }));
        await etcdCall(etcdUrl, "kv/txn", { success: puts });
      }
    },
    backUpEtcd: async () => {
      // Its data while it is frozen is what a restart after kill -9 would find.
      await etcd.freeze();
      await cp(path("etcd"), path("backup"), { recursive: true });
      etcd.thaw();
      return async () => {
        await apiServer.kill();
        await etcd.kill();
        await rm(path("etcd"), { recursive: true });
        await cp(path("backup"), path("etcd"), { recursive: true });
        etcd.start();
        apiServer.start();
        await untilReady();
      };
    },
    close,
  };
}

function base64(text: string): string {
  return Buffer.from(text, "utf8").toString("base64");
}

async function etcdCall(url: string, operation: string, body: object): Promise<unknown> {
  const answer = await fetch(`${url}/v3/${operation}`, { method: "POST", body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`etcd refused ${operation}: ${await answer.text()}`);
  return answer.json();
}

function program(file: string, logFile: string, args: readonly string[]): Program {
  let child: ChildProcess | undefined;
  let ended: Promise<unknown> = Promise.resolve();
  const isRunning = (): boolean =>
    child !== undefined && child.exitCode === null && child.signalCode === null;
  return {
    start: () => {
      const log = createWriteStream(logFile, { flags: "a" });
      // It becomes the program itself, and dies with this process in any case.
      child = spawn("setpriv", ["--pdeathsig", "KILL", file, ...args], { stdio: ["ignore", "pipe", "pipe"] });
      ended = once(child, "close");
      child.stdout?.pipe(log, { end: false });
      child.stderr?.pipe(log, { end: false });
      child.on("close", () => log.end());
    },
    kill: async () => {
      child?.kill("SIGKILL");
      await ended;
    },
    freeze: async () => {
      if (child?.pid !== undefined) await freezeProcess(child.pid);
    },
    thaw: () => child?.kill("SIGCONT"),
    isRunning,
    logTail: async () =>
      (await readFile(logFile, "utf8")).trimEnd().split("\n").slice(-LOG_TAIL_LINES).join("\n"),
  };
}
