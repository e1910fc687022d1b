import { parseAllDocuments } from "yaml";
import { kubernetesOfTests } from "../../testbed/parts/build-kubernetes.ts";
import { olderKubernetesModule } from "../../testbed/parts/kubernetes-module.ts";
import { CHART, runHelm } from "./run-helm.ts";

/** A Kubernetes object as the chart renders it. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly [field: string]: unknown;
}

/** The release name of the tests. */
export const RELEASE = { name: "azuredisk-csi-driver", namespace: "kube-system" } as const;

const OLDER = kubernetesOfTests();
const VERSION = OLDER === undefined ? "v1.37.2" : (await olderKubernetesModule(OLDER)).version;
const KUBERNETES = `${VERSION}-with.a.suffix`;

/** The chart with `values`, as text. Throws with Helm's message. */
export async function renderText(values: object): Promise<string> {
  const { code, output } = await runHelm(
    ["template", RELEASE.name, CHART, "--namespace", RELEASE.namespace, "--kube-version", KUBERNETES],
    values,
  );
  if (code !== 0) throw new Error(output);
  return output;
}

/** The chart with `values`, as objects. */
export async function renderChart(values: object): Promise<readonly Manifest[]> {
  const documents = parseAllDocuments(await renderText(values));
  return documents.flatMap((document) => {
    if (document.errors.length > 0) throw new Error(document.errors.map(({ message }) => message).join("\n"));
    const manifest = document.toJS() as Manifest | null;
    return manifest === null ? [] : [manifest];
  });
}
