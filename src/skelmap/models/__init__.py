"""Models of normal behaviour that score windows of frames."""

from skelmap.models.ae import AE
from skelmap.models.autoencoder_base import Autoencoder
from skelmap.models.base import InputDefaults, Model, WindowScores
from skelmap.models.baseline_base import Baseline
from skelmap.models.baselines import GMM, KNN, PCA, MeanTemplate, RandomProjection
from skelmap.models.feature_distance import FeatureDistance
from skelmap.models.feature_knn import FeatureKNN
from skelmap.models.feature_pca import FeaturePCA
from skelmap.models.lstm_vae import LSTMVAE
from skelmap.models.masked_keypoints import MaskedKeypoints
from skelmap.models.networks import Reconstruction
from skelmap.models.vae import VAE

__all__ = [
    "AE",
    "GMM",
    "KNN",
    "LSTMVAE",
    "PCA",
    "VAE",
    "Autoencoder",
    "Baseline",
    "FeatureDistance",
    "FeatureKNN",
    "FeaturePCA",
    "InputDefaults",
    "MaskedKeypoints",
    "MeanTemplate",
    "Model",
    "RandomProjection",
    "Reconstruction",
    "WindowScores",
]
