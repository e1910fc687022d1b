/**
 * The YAML parser, to be imported when it is needed: most processes have all settings as flags. Not the
 * package itself, which is CommonJS: a bundle that imports it dynamically finds none of its names.
 */
export { parse } from "yaml";
