import { isObject, type Json, type JsonObject, listAt, objectAt } from "../json.ts";

/**
 * The properties of a VM, or the model of a scale set, without what Azure takes and never returns: the
 * password, custom data, and protected settings of extensions.
 */
export function withoutSecrets(properties: JsonObject): JsonObject {
  const osProfile = objectAt(properties, "osProfile");
  const extensions = listAt(properties, "extensionProfile", "extensions");
  return {
    ...properties,
    ...(osProfile === undefined ? {} : { osProfile: readableOsProfile(osProfile) }),
    ...(extensions === undefined
      ? {}
      : {
          extensionProfile: {
            ...objectAt(properties, "extensionProfile"),
            extensions: extensions.map(readableExtension),
          },
        }),
  };
}

function readableOsProfile({
  adminPassword: _password,
  customData: _data,
  ...readable
}: JsonObject): JsonObject {
  return readable;
}

function readableExtension(extension: Json): Json {
  const { protectedSettings: _settings, ...readable } = objectAt(extension, "properties") ?? {};
  return isObject(extension) ? { ...extension, properties: readable } : extension;
}
