"""Models that explain themselves: additive models, linear models, trees and their rules."""
