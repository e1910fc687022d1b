import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { CONTROLLER_RUNTIME } from "../../../scripts/build/node-runtime.ts";
import { writeDriver } from "../../../scripts/build/write-driver.ts";
import {
  connectEmbeddedStore,
  type ConnectedStore,
} from "../../../src/adapters/embedded/connect-embedded-store.ts";
import { systemClock } from "../../../src/adapters/system/system-clock.ts";
import { systemRandom } from "../../../src/adapters/system/system-random.ts";
import { type Child, startChild } from "../../child.ts";
import { LOCATION, RESOURCE_GROUP, SUBSCRIPTION_ID } from "../place.ts";

/** The bundled driver in a folder, with its object store in a process of its own. */
export interface StoreRole {
  readonly store: ConnectedStore;
  /** Starts a controller role as the image does, and waits until it serves. */
  readonly startController: (options: ControllerRoleOptions) => Promise<ControllerRole>;
  readonly stop: () => Promise<void>;
}

/** A controller role that serves CSI. */
export interface ControllerRole extends Pick<Child, "pid" | "stop"> {
  readonly csiSocket: string;
}

/** How a controller role reaches Azure, and what it is started with. */
export interface ControllerRoleOptions {
  readonly azure: { readonly url: string; readonly caFile: string };
  /** Of Azure's latencies. */
  readonly timeScale: number;
  /** Flags of Node besides those that the role ships with. Default: none. */
  readonly nodeFlags?: readonly string[];
  /** Further flags of the role. Default: none. */
  readonly flags?: readonly string[];
}

const QUIET = "--log-level=error";

/** Bundles the driver as it ships, into `folder`, and starts it on a namespace of Kubernetes' API server. */
export async function startRoleOnKubernetes(
  folder: string,
  kubernetes: { readonly kubeconfigFile: string; readonly namespace: string },
  options: ControllerRoleOptions,
): Promise<ControllerRole> {
  const { kubeconfigFile, namespace } = kubernetes;
  const objects = [`--kubeconfig=${kubeconfigFile}`, `--namespace=${namespace}`];
  return startController(await writeDriver(folder), folder, objects, options);
}

/** Bundles the driver as it ships, into `folder`, and starts its store there. */
export async function startStoreRole(folder: string): Promise<StoreRole> {
  const program = await writeDriver(folder);
  const socketPath = join(folder, "store.sock");
  const server = await whenServing(
    startChild([program, "store", `--file=${join(folder, "store.db")}`, `--socket=${socketPath}`, QUIET]),
  );
  const store = connectEmbeddedStore({ socketPath, clock: systemClock, random: systemRandom });
  return {
    store,
    startController: (options) => startController(program, folder, [`--store-socket=${socketPath}`], options),
    stop: async () => {
      store.close();
      await server.stop();
    },
  };
}

async function startController(
  program: string,
  folder: string,
  objects: readonly string[],
  { azure, timeScale, nodeFlags = [], flags = [] }: ControllerRoleOptions,
): Promise<ControllerRole> {
  const csiSocket = join(folder, "csi.sock");
  const cloudConfig = join(folder, "azure.json");
  await writeFile(
    cloudConfig,
    JSON.stringify({
      subscriptionId: SUBSCRIPTION_ID,
      resourceGroup: RESOURCE_GROUP,
      location: LOCATION,
      tenantId: "bench",
      aadClientId: "bench",
      aadClientSecret: "bench",
      resourceManagerEndpoint: azure.url,
      activeDirectoryEndpoint: azure.url,
    }),
  );
  const runtime = runtimeOf();
  const { pid, stop } = await whenServing(
    startChild(
      [
        ...runtime.flags,
        ...nodeFlags,
        program,
        "controller",
        `--endpoint=unix://${csiSocket}`,
        ...objects,
        `--cloud-config=${cloudConfig}`,
        `--azure-ca-file=${azure.caFile}`,
        `--azure-time-scale=${timeScale}`,
        "--cluster-id=bench",
        QUIET,
        ...flags,
      ],
      runtime.environment,
    ),
  );
  return { pid, csiSocket, stop };
}

/** A role that has said that it serves; one that fails before is stopped. */
async function whenServing(role: Child): Promise<Child> {
  try {
    await role.line();
    return role;
  } catch (error) {
    await role.stop();
    throw error;
  }
}

/** As the image starts the role; `CONTROLLER_ROLE_FLAGS` replaces flags and environment. */
function runtimeOf(): {
  readonly flags: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
} {
  const ownFlags = process.env["CONTROLLER_ROLE_FLAGS"];
  if (ownFlags === undefined) return CONTROLLER_RUNTIME;
  return { flags: ownFlags.split(" ").filter((flag) => flag !== ""), environment: {} };
}
