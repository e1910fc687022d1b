import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { GoModule } from "../build/go-part.ts";
import { readModuleVersions } from "../build/module-versions.ts";

/** The names of the binary `kubernetes`: it runs as the program by whose name it is called. */
export const KUBERNETES_PROGRAMS = [
  "etcd",
  "kube-apiserver",
  "kube-controller-manager",
  "kube-scheduler",
  "kubelet",
] as const;

/** What `testbed/older-kubernetes` pins, beside the newest version, which every lab has by default. */
export const OLDER_KUBERNETES = ["1.32"] as const;

export type OlderKubernetes = (typeof OLDER_KUBERNETES)[number];

/** etcd is always the newest: no user chooses its version, and its flags differ. */
const OLDER_PROGRAMS = [
  "kube-apiserver",
  "kube-controller-manager",
  "kube-scheduler",
  "kubelet",
  "kubectl",
] as const;

const FOLDER = fileURLToPath(new URL("../kubernetes", import.meta.url));
const OLDER_FOLDER = fileURLToPath(new URL("../older-kubernetes", import.meta.url));
const SIDECARS = [
  { name: "csi-attacher", module: "github.com/kubernetes-csi/external-attacher/v4" },
  { name: "csi-provisioner", module: "github.com/kubernetes-csi/external-provisioner/v6" },
  { name: "csi-resizer", module: "github.com/kubernetes-csi/external-resizer/v2" },
  { name: "csi-snapshotter", module: "github.com/kubernetes-csi/external-snapshotter/v8" },
  { name: "snapshot-controller", module: "github.com/kubernetes-csi/external-snapshotter/v8" },
] as const;
const VERSION_PACKAGE = "k8s.io/component-base/version";

/** The module `testbed/kubernetes` and the versions that its go.mod pins, with a leading `v`. */
export interface KubernetesModule extends GoModule {
  readonly version: string;
  readonly sidecars: readonly { readonly name: string; readonly version: string }[];
}

/** The programs built from `testbed/kubernetes`. */
export async function kubernetesModule(): Promise<KubernetesModule> {
  const versionOf = await readModuleVersions(FOLDER);
  const version = versionOf("k8s.io/kubernetes");
  const sidecars = SIDECARS.map(({ name, module }) => ({ name, module, version: versionOf(module) }));
  const variables = versionVariables(version);
  return {
    name: "kubernetes",
    folder: FOLDER,
    version,
    sidecars,
    programs: [
      { name: "kubernetes", package: "./hyper", variables },
      // Of its own: started thousands of times, it would initialize the packages of the others each time.
      { name: "kubectl", package: "k8s.io/kubernetes/cmd/kubectl", variables },
      // The scheduler also as a binary of its own, which halves its image.
      { name: "kube-scheduler", package: "k8s.io/kubernetes/cmd/kube-scheduler", variables },
      ...sidecars.map((sidecar) => ({
        name: sidecar.name,
        package: `${sidecar.module}/cmd/${sidecar.name}`,
        variables: { "main.version": sidecar.version },
      })),
      { name: "pause", package: "./pause" },
    ],
  };
}

/** The programs built from a folder of `testbed/older-kubernetes`, by Kubernetes' own main packages. */
export async function olderKubernetesModule(
  minor: OlderKubernetes,
): Promise<GoModule & Pick<KubernetesModule, "version">> {
  const folder = join(OLDER_FOLDER, minor);
  const version = (await readModuleVersions(folder))("k8s.io/kubernetes");
  const variables = versionVariables(version);
  return {
    name: `kubernetes-${minor}`,
    folder,
    version,
    programs: OLDER_PROGRAMS.map((name) => ({ name, package: `k8s.io/kubernetes/cmd/${name}`, variables })),
  };
}

/** The version that Kubernetes' own build puts into its programs, and that they report to each other. */
function versionVariables(version: string): Readonly<Record<string, string>> {
  const [gitMajor = "", gitMinor = ""] = version.slice(1).split(".");
  const values = { gitVersion: version, gitMajor, gitMinor, gitTreeState: "clean" };
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [`${VERSION_PACKAGE}.${name}`, value]),
  );
}

/** Kubernetes' own specs of CSI drivers, the command that runs them, and what their pods start. */
export async function storageSpecsModule(): Promise<GoModule> {
  const version = (await readModuleVersions(FOLDER))("k8s.io/kubernetes");
  return {
    name: "storage-specs",
    folder: FOLDER,
    programs: [
      // Ginkgo starts no file of another ending.
      { name: "storage-specs.test", package: "./storage-specs", variables: versionVariables(version) },
      { name: "ginkgo", package: "github.com/onsi/ginkgo/v2/ginkgo" },
      { name: "agnhost", package: "./agnhost" },
    ],
  };
}
