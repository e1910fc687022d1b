import { readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Parts } from "../../parts/build-parts.ts";
import type { LabHome } from "../lab-home.ts";
import type { LabNetwork } from "../lab-network.ts";
import type { LabSettings } from "../lab-options.ts";
import type { NetworkUnit } from "../units/network-unit.ts";
import { run } from "../units/run.ts";
import type { Units } from "../units/units.ts";
import { waitUntil } from "../units/wait-until.ts";
import { type HttpsCredentials, requestJson } from "./https-json.ts";

/** The programs of the control plane, in the order in which they start. */
export const CONTROL_PLANE = ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"] as const;

export type ControlPlaneProgram = (typeof CONTROL_PLANE)[number];

/** The control plane, one program at a time. */
export interface ControlPlane {
  /** Starts a program and waits until it reports that it is healthy. */
  start(program: ControlPlaneProgram, signal: AbortSignal): Promise<void>;
  /** Ends a program as an upgrade would: SIGTERM, and SIGKILL after ten seconds. */
  stop(program: ControlPlaneProgram): Promise<void>;
  /** kill -9. */
  kill(program: ControlPlaneProgram): Promise<void>;
  /** Stops and starts the program. */
  restart(program: ControlPlaneProgram, signal: AbortSignal): Promise<void>;
  /** Copies etcd's data at one moment and returns the copy's name. */
  backUpEtcd(name: string): Promise<string>;
  /** Restores a copy and restarts every program: none may keep state from after the copy was made. */
  restoreEtcd(name: string, signal: AbortSignal): Promise<void>;
}

interface ControlPlaneOptions {
  readonly home: LabHome;
  readonly network: LabNetwork;
  readonly networkUnit: NetworkUnit;
  readonly units: Units;
  readonly settings: LabSettings;
  readonly parts: Parts;
}

const HEALTHY_MAX_MS = 300_000;
const STOP_GRACE_MS = 10_000;
/** By Go's default of 100 it spends an eighth of its processor time on garbage, at a heap of 190 MB. */
const API_SERVER_GOGC = "200";
const HEALTH_TIMEOUT_MS = 10_000;

const PORTS = { "kube-apiserver": 443, "kube-controller-manager": 10_257, "kube-scheduler": 10_259 } as const;
const ETCD_CLIENTS = "http://127.0.0.1:2379";
const ETCD_PEERS = "http://127.0.0.1:2380";

/** The API server's URL for the machine, nodes and pods. */
export function apiServerUrl(network: LabNetwork): string {
  return `https://${network.gateway}:${PORTS["kube-apiserver"]}`;
}

/** The control plane of one lab. */
export function controlPlane(options: ControlPlaneOptions): ControlPlane {
  const { home, network, networkUnit, units, settings, parts } = options;
  const pki = (file: string): string => home.path("pki", file);
  const etcdData = home.path("etcd");
  const backup = (name: string): string => home.path("backups", name);

  const flags: Readonly<Record<ControlPlaneProgram, readonly string[]>> = {
    etcd: [
      "--name=lab",
      `--data-dir=${etcdData}`,
      // A lab's data need not survive a power failure of this machine.
      "--unsafe-no-fsync",
      `--listen-client-urls=${ETCD_CLIENTS}`,
      `--advertise-client-urls=${ETCD_CLIENTS}`,
      `--listen-peer-urls=${ETCD_PEERS}`,
      `--initial-advertise-peer-urls=${ETCD_PEERS}`,
      `--initial-cluster=lab=${ETCD_PEERS}`,
      `--listen-metrics-urls=${etcdHealthUrl(network)}`,
      // The single member waits for a random part of this before it elects itself.
      "--heartbeat-interval=100",
      "--election-timeout=500",
      // As in production clusters: without it the API server sends no bookmarks for kinds without writes.
      "--watch-progress-notify-interval=5s",
      "--log-level=warn",
    ],
    "kube-apiserver": [
      `--etcd-servers=${ETCD_CLIENTS}`,
      "--bind-address=0.0.0.0",
      `--secure-port=${PORTS["kube-apiserver"]}`,
      `--advertise-address=${network.gateway}`,
      // The lab does not use the endpoints of `kubernetes`: its address is the API server's own.
      "--endpoint-reconciler-type=none",
      `--tls-cert-file=${pki("control-plane.crt")}`,
      `--tls-private-key-file=${pki("control-plane.key")}`,
      `--client-ca-file=${pki("ca.crt")}`,
      `--kubelet-client-certificate=${pki("apiserver-to-kubelet.crt")}`,
      `--kubelet-client-key=${pki("apiserver-to-kubelet.key")}`,
      `--kubelet-certificate-authority=${pki("ca.crt")}`,
      "--kubelet-preferred-address-types=InternalIP",
      "--service-account-issuer=https://kubernetes.default.svc",
      `--service-account-key-file=${pki("sa.pub")}`,
      `--service-account-signing-key-file=${pki("sa.key")}`,
      `--service-cluster-ip-range=${network.services}`,
      "--authorization-mode=Node,RBAC",
      "--enable-admission-plugins=NodeRestriction",
      "--allow-privileged=true",
      "--shutdown-send-retry-after=true",
      "--shutdown-watch-termination-grace-period=1s",
      "--profiling=false",
      ...settings.apiserverFlags,
    ],
    "kube-controller-manager": [
      ...secondaryFlags("kube-controller-manager"),
      "--use-service-account-credentials=true",
      `--service-account-private-key-file=${pki("sa.key")}`,
      `--root-ca-file=${pki("ca.crt")}`,
      // The lab requests no certificates, and the signers take four of the machine's few inotify instances.
      "--controllers=*,-certificatesigningrequest-signing-controller",
      // It requests a token for each of its controllers before any of them runs. With its default limit,
      // that takes five seconds.
      "--kube-api-qps=100",
      "--kube-api-burst=200",
      ...settings.controllerManagerFlags,
    ],
    "kube-scheduler": [...secondaryFlags("kube-scheduler"), ...settings.schedulerFlags],
  };

  function secondaryFlags(program: "kube-controller-manager" | "kube-scheduler"): readonly string[] {
    const config = home.path("pki", `${program}.kubeconfig`);
    return [
      `--kubeconfig=${config}`,
      `--authentication-kubeconfig=${config}`,
      `--authorization-kubeconfig=${config}`,
      "--leader-elect=false",
      `--bind-address=${network.gateway}`,
      `--secure-port=${PORTS[program]}`,
      `--tls-cert-file=${pki("control-plane.crt")}`,
      `--tls-private-key-file=${pki("control-plane.key")}`,
      "--profiling=false",
    ];
  }

  async function start(program: ControlPlaneProgram, signal: AbortSignal): Promise<void> {
    await units.start({
      name: program,
      command: await networkUnit.inside([join(parts.bin, program), ...flags[program]]),
      env: program === "kube-apiserver" ? { GOGC: API_SERVER_GOGC } : {},
    });
    const ca = await readFile(pki("ca.crt"), "utf8");
    try {
      await waitUntil(`${program} to be healthy`, { timeoutMs: HEALTHY_MAX_MS, signal }, async () => {
        if (await isHealthy(program, { ca })) return true;
        if (!(await units.isRunning(program))) throw new Error(`${program} has ended`);
        return undefined;
      });
    } catch (error) {
      signal.throwIfAborted();
      throw new Error(`${program} does not come up; its log ends with\n${await units.logTail(program)}`, {
        cause: error,
      });
    }
  }

  async function isHealthy(program: ControlPlaneProgram, credentials: HttpsCredentials): Promise<boolean> {
    try {
      if (program === "etcd")
        return (
          await fetch(`${etcdHealthUrl(network)}/health`, { signal: AbortSignal.timeout(HEALTH_TIMEOUT_MS) })
        ).ok;
      const path = program === "kube-apiserver" ? "readyz" : "healthz";
      return (
        (await requestJson(credentials, { url: `https://${network.gateway}:${PORTS[program]}/${path}` }))
          .code === 200
      );
    } catch {
      // It does not listen yet.
      return false;
    }
  }

  async function stop(program: ControlPlaneProgram): Promise<void> {
    await units.stop(program, STOP_GRACE_MS);
  }

  async function backUpEtcd(name: string): Promise<string> {
    await run(["mkdir", "-p", home.path("backups")]);
    // etcd is frozen during the copy, so the copy is what it would find after a kill -9.
    await units.setFrozen("etcd", true);
    try {
      await run(["cp", "-a", "--reflink=auto", "--no-target-directory", etcdData, backup(name)]);
    } finally {
      await units.setFrozen("etcd", false);
    }
    return name;
  }

  async function restoreEtcd(name: string, signal: AbortSignal): Promise<void> {
    await run(["cp", "-a", "--reflink=auto", "--no-target-directory", backup(name), `${etcdData}.restored`]);
    for (const program of CONTROL_PLANE.toReversed()) await units.kill(program);
    await rm(etcdData, { recursive: true });
    await rename(`${etcdData}.restored`, etcdData);
    for (const program of CONTROL_PLANE) await start(program, signal);
  }

  return {
    start,
    stop,
    kill: (program) => units.kill(program),
    restart: async (program, signal) => {
      await stop(program);
      await start(program, signal);
    },
    backUpEtcd,
    restoreEtcd,
  };
}

function etcdHealthUrl(network: LabNetwork): string {
  return `http://${network.gateway}:2381`;
}
