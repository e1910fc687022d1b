import { constants } from "node:fs";
import { lstat, open, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { describeFailure } from "../../core/failure/describe-failure.ts";
import { hostNotReady } from "../../core/failure/frequent-failures.ts";
import { ok, type Result } from "../../core/failure/result.ts";
import { undefinedIf } from "../../core/primitives/error-code.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Events } from "../../ports/cluster/events.ts";
import type { Logger } from "../../ports/logger.ts";
import type { Random } from "../../ports/random.ts";
import { RegistrationService } from "../gen/pluginregistration/v1/api.ts";
import { GrpcServer } from "../server/grpc-server.ts";
import { removeStaleSocket } from "../server/socket-path.ts";
import { registrationHandlers } from "./registration-handlers.ts";

/** What kubelet receives, and where. */
export interface RegistrationOptions {
  readonly driverName: string;
  /**
   * The socket in kubelet's registry, such as
   * `/var/lib/kubelet/plugins_registry/disk.csi.azure.com-reg.sock`, as this process sees it.
   */
  readonly socketPath: string;
  /** The CSI socket as kubelet sees it. */
  readonly csiSocketPath: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Called each time that kubelet has registered the plug-in. */
  readonly onRegistered: () => void;
  /**
   * Called with a sentence while another process serves the registration socket, and with undefined
   * once this plug-in does.
   */
  readonly onSocketTaken: (taken: string | undefined) => void;
  /** Reports refusals at the Node. */
  readonly events: Events;
  readonly nodeName: string;
}

/** The plug-in's place in kubelet's registry. */
export interface KubeletRegistration {
  /** Keeps the place until `signal` is aborted. Rejects if kubelet keeps refusing the plug-in. */
  keep(signal: AbortSignal): Promise<void>;
  /** Why kubelet can't find the plug-in; undefined if it can. */
  readonly whyNotServed: () => string | undefined;
  /** Why kubelet does not use the plug-in; undefined if it has registered it. */
  readonly whyNotRegistered: () => string | undefined;
  /** Has kubelet register the plug-in once more, with the next check of the socket. */
  readonly registerAgain: () => void;
  /**
   * Ends it. `leavesSocket`: another instance follows soon, and kubelet counts on the driver until
   * then.
   */
  stop(options: { readonly leavesSocket: boolean }, signal: AbortSignal): Promise<void>;
}

/** How often the socket is checked, in milliseconds. */
const CHECK_EVERY_MS = 5_000;
/** How long kubelet may refuse the plug-in before this process gives up, in milliseconds. */
const REFUSED_MAX_MS = 300_000;
/**
 * How long a socket may be there without a registration before another one replaces it, in milliseconds;
 * twice as long after each. For kubelet a new socket is a new plug-in. Before 1.36 it registers none by
 * itself that it has failed to register, or to report as registered (kubernetes/kubernetes#133725).
 */
const ANNOUNCED_AGAIN_MS = { first: 30_000, max: 240_000 } as const;

/**
 * Registers a plug-in with kubelet (plug-in registration v1), as node-driver-registrar does: kubelet
 * watches the folder, finds the socket and calls it. A socket that another instance left there, running
 * or dead, is replaced. Fails with `HostNotReady`.
 */
export async function registerWithKubelet(
  options: RegistrationOptions,
): Promise<Result<KubeletRegistration>> {
  const { driverName, socketPath, csiSocketPath, clock, logger } = options;
  let serving: Serving | undefined;
  let whyNotServed: string | undefined;
  let whyNotRegistered: string | undefined = "kubelet has not asked for this plug-in yet";
  let refusedSinceMs: number | undefined;
  /** When this socket is to be replaced, unless kubelet has registered the plug-in by then. */
  let announceAtMs = 0;
  let announceAfterMs: number = ANNOUNCED_AGAIN_MS.first;
  let lastCheck: Promise<void> = Promise.resolve();
  /** From then on no check makes a socket: the process ends only after the calls that are under way. */
  let isStopped = false;

  function onOutcome({ registered, error }: { readonly registered: boolean; readonly error: string }): void {
    if (registered) {
      whyNotRegistered = refusedSinceMs = undefined;
      announceAfterMs = ANNOUNCED_AGAIN_MS.first;
      options.onRegistered();
      return;
    }
    refusedSinceMs ??= clock.elapsedMs();
    announceAtMs = clock.elapsedMs() + announceAfterMs;
    whyNotRegistered = `kubelet refuses to register this plug-in: ${error}${remedyFor(error)}`;
    options.events.emit({
      about: { kind: "Node", name: options.nodeName },
      reason: "RegistrationRefused",
      message: whyNotRegistered,
    });
  }

  async function serve(): Promise<Result<void>> {
    const listening = await listenAt(options, onOutcome);
    if (!listening.ok) return listening;
    const earlier = serving;
    serving = listening.value;
    announceAtMs = clock.elapsedMs() + announceAfterMs;
    await earlier?.server.stop(AbortSignal.abort());
    return ok(undefined);
  }

  /** Whether a socket of ours is there in vain. */
  function isIgnored(): boolean {
    return whyNotRegistered !== undefined && clock.elapsedMs() >= announceAtMs;
  }

  async function checkSocket(): Promise<void> {
    const place = serving === undefined ? "free" : await socketOwner(socketPath, serving.inode);
    options.onSocketTaken(
      place === "taken"
        ? `another process serves ${socketPath}; remove the driver that it belongs to`
        : undefined,
    );
    if (place === "ours" && !isIgnored()) return;
    if (place === "ours") announceAfterMs = Math.min(ANNOUNCED_AGAIN_MS.max, 2 * announceAfterMs);
    const served = place === "taken" ? takenByAnother(socketPath) : await serve();
    if (served.ok && place === "ours")
      logger.info("the plug-in is announced to kubelet once more", { socketPath, whyNotRegistered });
    else if (served.ok) logger.warn("the registration socket was gone, and is there again", { socketPath });
    const why = served.ok ? undefined : describeFailure(served.failure);
    if (why !== undefined && why !== whyNotServed)
      logger.error("kubelet can't find this plug-in", { socketPath, error: why });
    whyNotServed = why;
  }

  const served = await serve();
  if (!served.ok) return served;
  logger.info("waiting for kubelet to register this plug-in", { driverName, socketPath, csiSocketPath });
  return ok({
    keep: async (signal) => {
      while (!signal.aborted) {
        await clock.sleep(CHECK_EVERY_MS, signal);
        if (isStopped) continue;
        lastCheck = checkSocket();
        await lastCheck;
        if (refusedSinceMs !== undefined && clock.elapsedMs() - refusedSinceMs >= REFUSED_MAX_MS)
          throw new Error(
            `${whyNotRegistered ?? "kubelet refuses to register this plug-in"}; giving up after ` +
              `${REFUSED_MAX_MS / 1000} s`,
          );
      }
    },
    whyNotServed: () => whyNotServed,
    whyNotRegistered: () => whyNotServed ?? whyNotRegistered,
    registerAgain: () => {
      whyNotRegistered = "kubelet has not asked for this plug-in once more yet";
      announceAtMs = clock.elapsedMs();
    },
    stop: async ({ leavesSocket }, signal) => {
      isStopped = true;
      // A check that has begun may be making the next socket. How it ended, `keep` says.
      await Promise.allSettled([lastCheck]);
      if (serving === undefined) return;
      if (!leavesSocket && (await socketOwner(socketPath, serving.inode)) === "ours")
        await unlink(socketPath).catch(undefinedIf("ENOENT"));
      await serving.server.stop(signal);
    },
  });
}

interface Serving {
  readonly server: GrpcServer;
  /** Distinguishes our socket from another of the same name. */
  readonly inode: bigint;
}

async function listenAt(
  options: RegistrationOptions,
  onOutcome: (outcome: { readonly registered: boolean; readonly error: string }) => void,
): Promise<Result<Serving>> {
  const { driverName, socketPath, csiSocketPath, clock, random, logger } = options;
  const server = new GrpcServer({ clock, random, logger, onCall: () => undefined }).add(
    RegistrationService,
    registrationHandlers({ driverName, csiSocketPath, onOutcome }),
  );
  try {
    // By way of the open folder: closing a socket removes it by the path that it was created with, and
    // that one is gone once the folder is closed. So the socket stays when this process ends, unless it
    // is to go.
    const folder = await open(dirname(socketPath), constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      const path = join("/proc/self/fd", String(folder.fd), basename(socketPath));
      const found = await lstat(path).catch(undefinedIf("ENOENT"));
      if (found?.isSocket() === true) await unlink(path);
      const listening = await server.listen(`unix://${path}`);
      return listening.ok ? ok({ server, inode: (await lstat(path, { bigint: true })).ino }) : listening;
    } finally {
      await folder.close();
    }
  } catch (error) {
    return hostNotReady(`the registration socket ${socketPath} can't be made: ${String(error)}`);
  }
}

/**
 * What is at the socket's path: our socket; nothing, or a dead process's socket; or a running
 * process's.
 */
async function socketOwner(socketPath: string, ownInode: bigint): Promise<"ours" | "free" | "taken"> {
  const found = await lstat(socketPath, { bigint: true }).catch(undefinedIf("ENOENT"));
  if (found?.ino === ownInode) return "ours";
  return (await removeStaleSocket(socketPath)).ok ? "free" : "taken";
}

function takenByAnother(socketPath: string): Result<never> {
  return hostNotReady(
    `another plug-in serves ${socketPath}: two instances of one driver run on this node; remove one of them`,
  );
}

/** The remedy for refusals that kubelet does not explain. */
function remedyFor(error: string): string {
  if (/topology value collision/u.test(error))
    return (
      "; if the label that it names is out of date (the VM was recreated in another zone, say), remove it " +
      "from the Node"
    );
  return "";
}
