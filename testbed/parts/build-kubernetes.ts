import { join } from "node:path";
import { goPart } from "../build/go-part.ts";
import type { Part } from "../build/part.ts";
import {
  KUBERNETES_PROGRAMS,
  kubernetesModule,
  OLDER_KUBERNETES,
  type OlderKubernetes,
  olderKubernetesModule,
} from "./kubernetes-module.ts";

/** Kubernetes and the sidecars, built. */
export interface BuiltKubernetes {
  /** Of Kubernetes, with a leading `v`. */
  readonly version: string;
  readonly sidecars: readonly { readonly name: string; readonly version: string }[];
  /** The folders of the parts: their paths are their keys. */
  readonly folders: Readonly<Record<string, string>>;
  /** The files of the programs of a cluster, by name: each is to be started by a link of its name. */
  readonly programs: ReadonlyMap<string, string>;
  /** Of kubectl in images, whatever the cluster's version is. */
  readonly kubectlVersion: string;
  /** Files for images, by name. */
  readonly imageFiles: Readonly<Record<string, string>>;
}

/** Without `older`, of the newest version. The sidecars and etcd are the same for every version. */
export async function buildKubernetes(
  build: (part: Part) => Promise<string>,
  older?: OlderKubernetes,
): Promise<BuiltKubernetes> {
  const newest = await kubernetesModule();
  const kubernetes = await build(await goPart(newest));
  const imageFiles = Object.fromEntries(newest.programs.map(({ name }) => [name, join(kubernetes, name)]));
  const built = {
    version: newest.version,
    kubectlVersion: newest.version,
    sidecars: newest.sidecars,
    folders: { kubernetes },
    programs: new Map([
      ...KUBERNETES_PROGRAMS.map((name) => [name, join(kubernetes, "kubernetes")] as const),
      ["kubectl", join(kubernetes, "kubectl")],
    ]),
    imageFiles,
  };
  if (older === undefined) return built;
  const module = await olderKubernetesModule(older);
  const folder = await build(await goPart(module));
  const files = module.programs.map(({ name }) => [name, join(folder, name)] as const);
  return {
    ...built,
    version: module.version,
    folders: { kubernetes, older: folder },
    programs: new Map([...built.programs, ...files]),
    // The second scheduler is the cluster's; kubectl is the one that the examples name.
    imageFiles: { ...imageFiles, "kube-scheduler": join(folder, "kube-scheduler") },
  };
}

/**
 * The version that AZUREDISK_KUBERNETES names, for tests; undefined: the newest. Throws if it names one
 * that is not pinned.
 */
export function kubernetesOfTests(
  env: Readonly<Record<string, string | undefined>> = process.env,
): OlderKubernetes | undefined {
  const named = env["AZUREDISK_KUBERNETES"];
  const known = OLDER_KUBERNETES.find((each) => each === named);
  if (named !== undefined && named !== "" && known === undefined)
    throw new Error(
      `AZUREDISK_KUBERNETES: got ${JSON.stringify(named)}; expected ${OLDER_KUBERNETES.join(", ")}, or ` +
        "nothing for the newest version",
    );
  return known;
}
