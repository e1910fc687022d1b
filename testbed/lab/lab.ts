import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Parts } from "../parts/build-parts.ts";
import { apiServerUrl, type ControlPlane, controlPlane } from "./cluster/control-plane.ts";
import {
  type HttpsCredentials,
  type JsonAnswer,
  type JsonRequest,
  requestJson,
} from "./cluster/https-json.ts";
import { type LabNode, labNode } from "./cluster/lab-node.ts";
import { labParts } from "./keep-parts.ts";
import { type LabHome, labHome } from "./lab-home.ts";
import { type LabNetwork, labNetwork } from "./lab-network.ts";
import type { LabSettings } from "./lab-options.ts";
import { type LabRecord, readLabRecord } from "./lab-record.ts";
import { type AzureUnit, azureUnit } from "./units/azure-unit.ts";
import { type Cgroups, openCgroups } from "./units/cgroups.ts";
import { type NetworkUnit, networkUnit } from "./units/network-unit.ts";
import { type RegistryUnit, registryUnit } from "./units/registry-unit.ts";
import { run, type RunOptions } from "./units/run.ts";
import { labUnits, type Units } from "./units/units.ts";

/**
 * A Kubernetes cluster of real parts on this machine, in an Azure of its own. It runs until it is taken
 * down, independent of the process that holds this object.
 */
export interface Lab {
  readonly name: string;
  readonly home: LabHome;
  readonly settings: LabSettings;
  readonly parts: Parts;
  /** An administrator's kubeconfig that names no other file. */
  readonly kubeconfig: string;
  /** An administrator's credentials, for a client that reads no kubeconfig. */
  readonly api: HttpsCredentials & { readonly server: string };
  readonly azure: AzureUnit;
  readonly registry: RegistryUnit;
  readonly controlPlane: ControlPlane;
  readonly nodes: readonly LabNode[];
  readonly network: LabNetwork;
  readonly units: Units;
  /** The node called `name`. Throws if there is none. */
  node(name: string): LabNode;
  /**
   * Runs kubectl as administrator and returns its standard output. Throws with its standard error unless it
   * exits with 0.
   */
  kubectl(args: readonly string[], options?: RunOptions): Promise<string>;
  /** Sends one request to the API server as administrator. `url` is a path. */
  request(request: JsonRequest): Promise<JsonAnswer>;
}

/** A program of Go that ends within seconds collects no garbage that is worth the processor time. */
const SHORT_LIVED = { GOGC: "off" };

/** A lab's parts while it is built or taken down: any of them may be missing. */
export interface LabFrame {
  readonly home: LabHome;
  readonly record: LabRecord;
  readonly network: LabNetwork;
  readonly networkUnit: NetworkUnit;
  readonly cgroups: Cgroups;
  readonly units: Units;
}

/** The parts of a lab that its record alone determines. */
export async function labFrame(home: LabHome, record: LabRecord): Promise<LabFrame> {
  const network = labNetwork(record.slot);
  const cgroups = await openCgroups();
  const units = labUnits(home, cgroups);
  return { home, record, network, networkUnit: networkUnit(network, units), cgroups, units };
}

/** The lab of a frame whose certificates have been written. */
export async function labIn(frame: LabFrame): Promise<Lab> {
  const { home, network, networkUnit: plugs, cgroups, units, record } = frame;
  const { settings } = record;
  const parts = labParts(home);
  const azure = azureUnit({ home, network, networkUnit: plugs, units, settings });
  const nodes = settings.vms.map((vm, index) =>
    labNode({ vm, index, home, network, networkUnit: plugs, units, cgroups, azure, settings, parts }),
  );
  const pki = (file: string): Promise<string> => readFile(home.path("pki", file), "utf8");
  const api = {
    server: apiServerUrl(network),
    ca: await pki("ca.crt"),
    certificate: await pki("admin.crt"),
    key: await pki("admin.key"),
  };
  const kubeconfig = home.path("kubeconfig");
  return {
    name: home.name,
    home,
    settings,
    parts,
    kubeconfig,
    api,
    azure,
    registry: registryUnit({ home, network, networkUnit: plugs, units, parts }),
    controlPlane: controlPlane({ home, network, networkUnit: plugs, units, settings, parts }),
    nodes,
    network,
    units,
    node: (name) => {
      const found = nodes.find((node) => node.name === name);
      if (found === undefined)
        throw new Error(
          `lab ${home.name} has no node ${name}: it has ${nodes.map((node) => node.name).join(", ")}`,
        );
      return found;
    },
    kubectl: (args, options = {}) =>
      run([join(parts.bin, "kubectl"), `--kubeconfig=${kubeconfig}`, ...args], {
        ...options,
        env: { ...SHORT_LIVED, ...options.env },
      }),
    request: ({ url, ...request }) => requestJson(api, { ...request, url: `${api.server}${url}` }),
  };
}

/** The lab called `name`; `undefined` unless its start was completed and it still runs. */
export async function findLab(name: string): Promise<Lab | undefined> {
  const home = labHome(name);
  const record = await readLabRecord(home);
  if (record?.isUp !== true) return undefined;
  const frame = await labFrame(home, record);
  return (await frame.networkUnit.isRunning()) ? labIn(frame) : undefined;
}

/** The lab called `name`. Throws if it is not up. */
export async function openLab(name: string): Promise<Lab> {
  const found = await findLab(name);
  if (found === undefined) throw new Error(`lab ${name} is not up: npm run lab starts it`);
  return found;
}
