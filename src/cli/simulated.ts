export { chooseLibrary } from '../energy/library.js'
