// What tools that know no Vue are told of a component; vue-tsc looks into each.
declare module "*.vue" {
  import type { Component } from "vue";
  const component: Component;
  export default component;
}
