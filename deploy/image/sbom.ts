import type { BundledPackage } from "./bundled-packages.ts";
import type { DebianPackage } from "./debian-packages.ts";

/** The content of an image. */
export interface ImageContent {
  readonly version: string;
  /** Identifies this content. */
  readonly key: string;
  /** Debian's release, such as `12`. */
  readonly debianRelease: string;
  readonly debianPackages: readonly Pick<DebianPackage, "name" | "version" | "architecture" | "sha256">[];
  readonly npmPackages: readonly Pick<BundledPackage, "name" | "version" | "license">[];
  readonly node: { readonly packageName: string; readonly version: string };
}

const DOCUMENT_ID = "SPDXRef-DOCUMENT";
const DRIVER_ID = "SPDXRef-driver";
const UNKNOWN = "NOASSERTION";
/** Fixed, since a real time would make two equal images differ. */
const CREATED = "1980-01-01T00:00:00Z";
const LICENSE_EXPRESSION = /^[\w.+-]+(?: (?:AND|OR|WITH) [\w.+-]+)*$/u;

interface Component {
  readonly id: string;
  readonly name: string;
  readonly version: string;
  readonly license: string;
  readonly purl: string;
  readonly sha256?: string;
}

/** The image's bill of materials as SPDX 2.3, from which scanners look up vulnerabilities. */
export function sbomOf(content: ImageContent): object {
  const components = [
    nodeComponent(content),
    ...content.debianPackages.map((found) => debianComponent(found, content.debianRelease)),
    ...content.npmPackages.map(npmComponent),
  ];
  return {
    spdxVersion: "SPDX-2.3",
    dataLicense: "CC0-1.0",
    SPDXID: DOCUMENT_ID,
    name: `azuredisk-csi-driver-${content.version}`,
    documentNamespace: `https://spdx.org/spdxdocs/azuredisk-csi-driver-${content.version}-${content.key}`,
    creationInfo: { created: CREATED, creators: ["Tool: azuredisk-csi-driver-image"] },
    documentDescribes: [DRIVER_ID],
    packages: [
      spdxPackage({
        id: DRIVER_ID,
        name: "azuredisk-csi-driver",
        version: content.version,
        license: "Apache-2.0",
        purl: `pkg:generic/azuredisk-csi-driver@${content.version}`,
      }),
      ...components.map(spdxPackage),
    ],
    relationships: [
      { spdxElementId: DOCUMENT_ID, relationshipType: "DESCRIBES", relatedSpdxElement: DRIVER_ID },
      ...components.map(({ id }) => ({
        spdxElementId: DRIVER_ID,
        relationshipType: "CONTAINS",
        relatedSpdxElement: id,
      })),
    ],
  };
}

function nodeComponent({ node }: ImageContent): Component {
  return {
    id: "SPDXRef-node",
    name: "node",
    version: node.version,
    license: "MIT",
    purl: `pkg:npm/${node.packageName}@${node.version}`,
  };
}

function debianComponent(
  { name, version, architecture, sha256 }: ImageContent["debianPackages"][number],
  release: string,
): Component {
  const purl = `pkg:deb/debian/${encodeURIComponent(name)}@${encodeURIComponent(version)}?arch=${architecture}&distro=debian-${release}`;
  return { id: idOf("deb", name), name, version, license: "", purl, sha256 };
}

function npmComponent({ name, version, license }: ImageContent["npmPackages"][number]): Component {
  return {
    id: idOf("npm", `${name}-${version}`),
    name,
    version,
    license,
    purl: `pkg:npm/${name.replace("@", "%40")}@${version}`,
  };
}

function idOf(kind: string, name: string): string {
  return `SPDXRef-${kind}-${name.replaceAll(/[^A-Za-z0-9.-]/gu, "-")}`;
}

function spdxPackage({ id, name, version, license, purl, sha256 }: Component): object {
  return {
    SPDXID: id,
    name,
    versionInfo: version,
    downloadLocation: UNKNOWN,
    filesAnalyzed: false,
    licenseConcluded: UNKNOWN,
    licenseDeclared: LICENSE_EXPRESSION.test(license) ? license : UNKNOWN,
    copyrightText: UNKNOWN,
    ...(sha256 === undefined ? {} : { checksums: [{ algorithm: "SHA256", checksumValue: sha256 }] }),
    externalRefs: [{ referenceCategory: "PACKAGE-MANAGER", referenceType: "purl", referenceLocator: purl }],
  };
}
