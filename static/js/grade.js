// Loads the desk on which reviewers grade pairs, besides the behaviours of every page.
import "./main.js";
import "./grade-desk.js";
